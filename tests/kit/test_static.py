"""A static file's name carries its content's hash: new content, new name."""

import hashlib
from pathlib import Path

import pytest

from shop.kit.static import FOLDER, StaticFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "app.css").write_text(
        "a { src: url(/static/x.woff2); b: url('/static/x.woff2'); c: url(\"/static/x.woff2\"); }"
        " d { background: url(data:image/png;base64,AA) }"
    )
    (tmp_path / "x.woff2").write_bytes(b"font")
    return tmp_path


def test_the_name_is_the_contents(folder: Path) -> None:
    digest = hashlib.sha256(b"font").hexdigest()[:12]
    static = StaticFiles(folder)
    assert static.url("x.woff2") == f"/static/x.{digest}.woff2"
    file = static.get(f"x.{digest}.woff2")
    assert file is not None
    assert (file.body, file.media_type) == (b"font", "font/woff2")


def test_a_changed_file_has_another_name_and_so_has_what_points_at_it(folder: Path) -> None:
    before = StaticFiles(folder)
    (folder / "x.woff2").write_bytes(b"another font")
    after = StaticFiles(folder)
    assert after.url("x.woff2") != before.url("x.woff2")
    assert after.url("css/app.css") != before.url("css/app.css")


def test_a_stylesheet_points_at_the_hashed_names(folder: Path) -> None:
    static = StaticFiles(folder)
    sheet = static.get(static.url("css/app.css").removeprefix("/static/"))
    assert sheet is not None
    assert sheet.media_type == "text/css"
    body = sheet.body.decode()
    assert body.count(f'url("{static.url("x.woff2")}")') == 3
    assert "url(data:image/png;base64,AA)" in body


def test_a_stylesheet_that_points_at_nothing_is_found_at_start(folder: Path) -> None:
    (folder / "css" / "broken.css").write_text("a { b: url(/static/none.svg) }")
    with pytest.raises(KeyError):
        StaticFiles(folder)


def test_what_is_not_there(folder: Path) -> None:
    static = StaticFiles(folder)
    for name in ("css/app.css", "x.woff2", "x.000000000000.woff2", "../static.py", "/etc/passwd"):
        assert static.get(name) is None
    with pytest.raises(KeyError):
        static.url("none.css")


def test_our_own_files_are_served_with_their_types() -> None:
    static = StaticFiles(FOLDER)
    types = {file.media_type for file in static._served.values()}
    assert types <= {
        *("text/css", "text/javascript", "font/woff2", "image/svg+xml"),
        *("image/png", "image/jpeg", "image/avif", "image/webp", "image/x-icon"),
        *("image/vnd.microsoft.icon", "text/plain", "application/manifest+json"),
    }


def test_what_a_stylesheet_imports_stands_in_it(folder: Path) -> None:
    (folder / "css" / "tokens.css").write_text("b { src: url(/static/x.woff2) }\n")
    (folder / "css" / "app.css").write_text('@import "/static/css/tokens.css";\na { color: red }\n')
    static = StaticFiles(folder)
    file = static.get(static.url("css/app.css").removeprefix("/static/"))
    assert file is not None
    font = static.url("x.woff2")
    assert file.body.decode() == f'b {{ src: url("{font}") }}\na {{ color: red }}\n'
