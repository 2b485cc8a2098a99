"""A guest book in Flask: log in, write, attach a file, download everything, read it as JSON.

Entries are kept in SQLite, so that it does not matter which process or interpreter answers a request.
"""

import csv
import functools
import io
import os
import sqlite3
from pathlib import Path

from flask import (
    Flask, Response, abort, current_app, flash, g, jsonify, redirect, render_template, request, send_from_directory, session,
    url_for,
)
from werkzeug.utils import secure_filename

SCHEMA = """
create table if not exists entry (
    id integer primary key, author text not null, words text not null, attachment text,
    written text not null default current_timestamp
)
"""


def create_app():
    app = Flask(__name__)
    data = Path(os.environ.get("EXAMPLE_DATA") or Path(__file__).parent / "var")
    app.config.update(
        # Every process and interpreter must have the same one. A real site takes it from its secrets.
        SECRET_KEY=os.environ.get("SECRET_KEY", "not a secret: an example"),
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=64 * 1024 * 1024,
        DATABASE=data / "guestbook.sqlite3",
        UPLOADS=data / "uploads",
    )
    app.config["UPLOADS"].mkdir(parents=True, exist_ok=True)
    with connect(app.config["DATABASE"]) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute(SCHEMA)
    connection.close()
    add_views(app)
    return app


def add_views(app):
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/login", view_func=log_in, methods=["GET", "POST"])
    app.add_url_rule("/logout", view_func=log_out, methods=["POST"])
    app.add_url_rule("/entries", view_func=write, methods=["POST"])
    app.add_url_rule("/uploads/<name>", view_func=attachment)
    app.add_url_rule("/export.csv", view_func=export)
    app.add_url_rule("/api/entries", view_func=api_entries)
    app.add_url_rule("/fail", view_func=fail)
    app.register_error_handler(500, error_page)
    app.teardown_appcontext(close_database)


def login_required(view):
    @functools.wraps(view)
    def guarded(**arguments):
        return view(**arguments) if "name" in session else redirect(url_for("log_in", next=request.path))

    return guarded


def index():
    return render_template("index.html", entries=entries())


def log_in():
    name = request.form.get("name", "").strip()
    if request.method == "POST" and name:
        session.clear()
        session["name"] = name
        flash(f"Welcome, {name}.")
        return redirect(url_for("index"))
    return render_template("login.html"), 400 if request.method == "POST" else 200


def log_out():
    session.clear()
    return redirect(url_for("index"))


@login_required
def write():
    words = request.form.get("words", "").strip()
    if not words:
        abort(400, "Write something first.")
    file = request.files.get("attachment")
    saved = None
    if file and secure_filename(file.filename):
        saved = f"{os.urandom(4).hex()}-{secure_filename(file.filename)}"
        file.save(current_app.config["UPLOADS"] / saved)
    with database() as connection:
        connection.execute("insert into entry (author, words, attachment) values (?, ?, ?)", (session["name"], words, saved))
    return redirect(url_for("index"), 303)


def attachment(name):
    return send_from_directory(current_app.config["UPLOADS"].resolve(), name, as_attachment=True)


def export():
    """Streams the rows as they are read: the length is not known when the head is sent."""
    rows = [(entry["written"], entry["author"], entry["words"]) for entry in entries()]

    def lines():
        for row in [("written", "author", "words"), *rows]:
            line = io.StringIO()
            csv.writer(line).writerow(row)
            yield line.getvalue()

    return Response(lines(), mimetype="text/csv", headers={"Content-Disposition": "attachment; filename=entries.csv"})


def api_entries():
    return jsonify([dict(entry) for entry in entries()])


def fail():
    raise RuntimeError("this page fails on purpose")


def error_page(error):
    return render_template("error.html"), 500


def entries():
    return database().execute("select id, author, words, attachment, written from entry order by id desc").fetchall()


def database():
    if "database" not in g:
        g.database = connect(current_app.config["DATABASE"])
    return g.database


def connect(path):
    connection = sqlite3.connect(path, timeout=20)
    connection.row_factory = sqlite3.Row
    return connection


def close_database(error):
    connection = g.pop("database", None)
    if connection is not None:
        connection.close()
