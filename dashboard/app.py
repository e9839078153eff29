"""The frame of all pages: who is signed in, and where one can go."""

import streamlit as st

from dashboard import pages, player, session

st.set_page_config(page_title="Callbench", page_icon=pages.MARK, layout="wide", initial_sidebar_state="auto")
viewer = session.viewer()
st.logo(pages.MARK, size="medium")
page = st.navigation(pages.navigation(), position="top")
player.account(viewer.session.name, viewer.session.role, viewer.tenant.name)
page.run()
