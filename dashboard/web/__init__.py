"""Our own routes beside Streamlit: sign-in, recordings, REST for reviews."""
