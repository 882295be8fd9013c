"""How a person does by hand what each check type does: one module per kind of source."""
