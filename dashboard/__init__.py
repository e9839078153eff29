"""What people see: Streamlit pages and our own routes in one ASGI application."""
