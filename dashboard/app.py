"""The frame of all pages: who is signed in, and where one can go."""

import streamlit as st

from dashboard import pages, player, session

st.set_page_config(page_title="Callbench", page_icon=pages.MARK, layout="wide", initial_sidebar_state="collapsed")
viewer = session.viewer()
known = pages.navigation()
page = st.navigation(known, position="hidden")
shown = [(p.url_path or "calls", p.title) for p in known if p.visibility == "visible"]
here = page.url_path or "calls"
wish = player.bar(shown, here, viewer.session.name, viewer.session.role, viewer.tenant.name)
if wish and wish != here:
    st.switch_page(next(p for p in known if (p.url_path or "calls") == wish))
elif wish:
    st.query_params.clear()  # back to the page as it begins
page.run()
