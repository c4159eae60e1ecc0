"""What the pages share: the page list, the session, the parts of the screen, the charts.

A page begins with two lines and then uses these modules:

    from pages._ui import navigation
    navigation.guard()                    # first statement of every page, see there

navigation   the page list, links from page to page
session      the only file that touches `st.session_state` and `st.query_params`
loading      corpora and models by name, cached for all sessions
widgets      header, chips, entity HTML, numbers in words, the code a page ran
corpus_form  three ways to a corpus: one that is here, an upload, a public one (fetched by `fetching`)
charts       Plotly figures in the house's colours, with a text alternative and a table
"""
