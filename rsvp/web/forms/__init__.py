"""Forms: what people type into a public form, read and checked for its shape.

The rules (is there a seat?) are the domain's; a form hands over one plain value.
"""
