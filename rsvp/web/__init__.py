"""The web: blueprints, one per audience, and what holds for every answer."""

from flask import Flask


def init_app(app: Flask) -> None:
    del app
