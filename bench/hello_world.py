"""A hello-world page in Flask: what the server and the framework cost by themselves."""

from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/")
def hello() -> str:
    return "<!doctype html><title>Hello</title><p>Hello, world"
