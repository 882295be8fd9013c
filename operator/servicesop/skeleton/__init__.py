"""A first draft of an SOP, from a page that people wrote."""
