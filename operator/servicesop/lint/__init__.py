"""What is wrong with an SOP that the API server would take: rules about what it means. Pure."""
