"""Where migration 0002 finds how names were made searchable: migrations on the main
branch are never edited. New code imports `rsvp.text.search`.
"""

from rsvp.text.search import search_text

__all__ = ["search_text"]
