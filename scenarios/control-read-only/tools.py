"""Tools of a library's assistant that only look things up."""

from sqlalchemy import Engine, text


def count_copies(title: str, db: Engine) -> int:
    """Count the copies of a book that are on the shelf."""
    query = text("SELECT copies FROM books WHERE title = :title")
    with db.connect() as connection:
        copies: int = connection.execute(query, {"title": title}).scalar_one()
    return copies


def list_titles(author: str, db: Engine) -> list[str]:
    """List the titles of an author in alphabetical order."""
    query = text("SELECT title FROM books WHERE author = :author ORDER BY title")
    with db.connect() as connection:
        return list(connection.execute(query, {"author": author}).scalars())
