"""The facts of a mail: texts, labels and links read them from its context."""

import ast

from tests.architecture.source import MODULES, table, tree_of, within

READ_THE_CONTEXT = ("rsvp.formats.mail.texts", "rsvp.formats.mail.links")


def test_no_text_digs_its_facts_out_of_the_message():
    offenders = [
        f"{module}.{function.name}"
        for module in MODULES
        if within(module, READ_THE_CONTEXT)
        for function in ast.walk(tree_of(module))
        if isinstance(function, ast.FunctionDef)
        for argument in function.args.args
        if argument.annotation and ast.unparse(argument.annotation) == "Message"
    ]

    assert not offenders, table(offenders)
