"""Names: which are taken as they are, cleaned, or refused for an address in them."""

from __future__ import annotations

from rsvp.text.cleaning import clean_name, one_line
from rsvp.text.person_names import has_web_address

CLEANED = {
    "Ada Bell": "Ada Bell",
    "  Ada \t Bell\n": "Ada Bell",
    "Zoe\u0308": "Zoë",
    "山田\u3000太郎": "山田 太郎",
    "Αδαμαντία": "Αδαμαντία",
    "محمد علی": "محمد علی",
    "می\u200cخواهم": "می\u200cخواهم",
    "ශ්\u200dරී": "ශ්\u200dරී",
    "אדה": "אדה",
    "葛\U000e0100城": "葛\U000e0100城",
    "O'Brien-Łukasiewicz": "O'Brien-Łukasiewicz",
    "Ada \u202ellaB\u202c": "Ada llaB",
    "\u2066Ada\u2069": "Ada",
    "Ada\u0000\u0007 Bell": "Ada Bell",
    "Ada\u200bBell": "AdaBell",
    "Ada\u00adBell\u2063": "AdaBell",
    "\u2800Ada\u2800Bell\u3164": "Ada Bell",
    "X": "X",
}
NOTHING_TO_SEE = [
    "",
    "   ",
    "\u00a0",
    "\u200d\u200d",
    "\u202e\u202c",
    "\u2800",
    "\u2800 \u2800",
    "\u3164",
    "\uffa0",
    "\u115f\u1160",
    "\u17b4",
    "\u034f",
    "\ufe0f",
    "\u180e",
    "\U0001d159",
    "\U000e0041\U000e007f",
    "\ufffb",
    "\u0301",
    "\ue000",
    "\ufeff",
]


def test_a_name_is_kept_composed_on_one_line_with_nothing_hidden():
    assert {typed: clean_name(typed) for typed in CLEANED} == CLEANED
    assert [typed for typed in NOTHING_TO_SEE if clean_name(typed)] == []


def test_a_line_of_nothing_to_see_is_empty_wherever_text_is_typed():
    # A mark or a character of private use is something to organizers' texts.
    bare = [text for text in NOTHING_TO_SEE if text not in ("\u0301",)]

    assert [text for text in bare if one_line(text)] == []


# From every country: with initials, titles and degrees, a space behind them or not.
NAMES = """
    Dr.Dev Anand | Prof.Link | Univ.Prof.Link | St.John | St. John | Jr. | Hans. | 李
    J.R.R. Holm | J.R.R.Holm | J. P. Morgan | J.P. Morgan | Ada B. | N.N. | v.d.Berg
    M.Sc.Anna | Ada Bell, B.Com | M.Com. Ravi | B.Tech | M.A.Ed | Ph.D.
    Ada Bell,M.D. | Dr.in Anna Huber | Ing.in Li | Mag.a Eva Kim | Dipl.-Ing.in Huber
    Dr.sc.ETH Anna | Mr.Kim | Smt.Dev Kumari | Er.Dev Anand | Md.Ali | Mohd.Kim
    Abd.Rahman | Ma.Cristina | A.De Vries | Sr.Maria | St.Moritz
    Example GmbH & Co.KG | Co.Ltd | e.V. | No.1 | আনন্দ | O'Neil-van der Berg | d’Arc
    ʻŌkina | Müller-Lüdenscheidt | Ó Súilleabháin | 山田太郎 | 김민준 | Jean-Luc
    Ana María | Ngo Van An | S.ராமன் | எஸ்.ராமன் | S.Rajan/K.Devi | 王小明 | 阿里·汗
    阿里・汗 | عبد الله | محمد بن عمر | נועה | ზურაб | Dr. med. Ada Bell
    Ada (she/her) | Ada & Bo | Ada @adabell | D@vid | Ada 2.0 | Anna Com | Wim
    Mst.Art Khatun | Hj.Me Lin | Ust.Dev | Ven.Dev | Ada_Bell | ꓮꓸꓖꓳ
    Netty Orgovan | Link | Dev | c/o Bo | Ada: Bo | Ada... | Ada… Bell
"""
# As mail programs and browsers read them, whatever dots, letters and marks they have.
ADDRESSES = """
    Win at http://prizes.example.org | https://prizes.example.org | https:x | HTTP://X
    ada://bell | mailto:ada | javascript:x | www.prizes.example | WWW.x | www2.x
    Ada prizes.com | prizes.xyz/ada | PRIZES.COM | Casino.Vip | casino.vip | evil.zip
    t.me/win500 | x.co/abc | bit.ly/abc | wa.me/123 | prof.link/win | evil.com⁄x
    spam@evil.de | spam＠evil.de | ada@prizes.org | ada@prizes.nowhere | (casino.vip)
    evil。com | evil．com | evil｡com | prizes．com | evil․com | ｅｖｉｌ．ｃｏｍ
    Ⓔvil.com | evil.de. | evil.de, | »evil.de« | win casino.vip! | casino.vip-win
    a-b.shop | evil.com:80 | evil.com?x | evil.co.uk | evil.com.Anna | win.dr.dev
    2win.bet | вулкан.рф | 例え.中国 | موقع.قطر | evil.xn--p1ai | 192.168.0.1
    1.2.3.4/win | evil\u200c.com | ev\u200dil.com | ev\ufe0fil.com | evil\u034f.com
    evil.c\u200com | evil_x.com | casinoꓸvip
"""


def each(table: str) -> list[str]:
    lines = table.strip().splitlines()
    return [name.strip() for line in lines for name in line.split(" | ")]


def test_names_of_people_are_taken_and_addresses_in_them_are_not():
    assert [name for name in each(NAMES) if has_web_address(clean_name(name))] == []
    assert [
        name for name in each(ADDRESSES) if not has_web_address(clean_name(name))
    ] == []


def test_a_long_name_is_judged_at_once():
    for text in ("a." * 100, ".a" * 100, "a@" * 100, "a-" * 100, "://"[:2] * 100):
        has_web_address(clean_name(text))
