"""Mutation of the shipped SOPs: each change of an SOP has to fail one of that SOP's own tests."""
