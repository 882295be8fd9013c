"""`python -m bench`: what the operator's checks cost on real servers, beside their bare I/O."""
