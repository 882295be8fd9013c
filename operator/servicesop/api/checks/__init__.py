"""The checks of an SOP: what is asked, of whom, and from when on an answer counts.

A new check type is one model here, one field of `Check`, and one module in `servicesop.checks`.
"""
