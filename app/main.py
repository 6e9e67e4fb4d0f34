"""The app's entry: `streamlit run app/main.py` from any directory, or `ict app`.

Pages read run folders and score files and draw them; nothing here computes, and torch is never
imported by this process. The file is read twice: `streamlit run` imports it for the server, and the
server runs it as a script for each visitor.
"""

import streamlit as st

if __name__ == "__main__":
    from ict_app.common import entrance, places, shell, visit

    st.set_page_config(
        page_title="ict", page_icon=shell.ICON, layout="wide", initial_sidebar_state=220
    )
    entrance.require_gate()
    page = st.navigation(shell.pages(), expanded=True)
    visit.current().arrive(places.name_of(page.title))
    shell.require_store()
    shell.sidebar()
    try:
        page.run()
    except shell.EndOfPage:
        pass
    finally:
        shell.counts()
        visit.current().settle()
else:
    from ict_app.common import browser, entrance, hosts, origins
    from starlette.middleware import Middleware

    gates = [Middleware(hosts.UnknownHost), Middleware(origins.ForeignOrigin), *entrance.gate()]
    app = st.App(__file__, middleware=gates, lifespan=browser.opened)
