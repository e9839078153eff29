"""One file per page; called views because Streamlit treats a folder named pages specially."""
