"""Forms: what people type into a form, read and checked for its shape.

The rules (is there a seat?) are the domain's; a form hands over one plain value.
"""
