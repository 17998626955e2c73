"""A reader of the blog buys a doll, and the post gets what it has earned."""

import re
import time

import pytest
from sqlalchemy import select

from shop.blog.models import BlogPost
from shop.config import Config
from shop.orders.models import Order
from shop.preferences.actions import set_preferences
from tests.blog.test_pingback import Blog, blog
from tests.browser import NewPage
from tests.journeys.steps import fill_in_checkout, order, order_number, pay
from tests.support import Buyer, Shelf

__all__ = ["blog"]
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("label", ["sagostund", ""], ids=["label", "no-label"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_post_earns_what_its_reader_buys(
    label: str,
    script: bool,
    new_page: NewPage,
    shop: Config,
    shelf: Shelf,
    blog: Blog,
    owner: Buyer,
) -> None:
    """By the label of its link; or, since the browser names the blog, as the only one it can be."""
    shelf.add("raven")
    shelf.add("ugglan")
    with shelf.sessions.begin() as db:
        set_preferences(db, blog_url=blog.url)
    time.sleep(1.3)  # until the shop knows its blog
    post = blog.write("/sagostund/", f"{shop.base_url}/products/raven{label and f'?from={label}'}")
    assert owner.post("/admin/blog/posts", address=post).status_code == 303
    time.sleep(1.3)  # until the shop knows the post
    page = new_page(script=script)
    page.goto(post)
    page.locator("p a").click()
    page.wait_for_url(f"{shop.base_url}/products/raven*")
    assert page.context.cookies() == []
    page.locator("header nav a[href^='/products']").click()  # looks around before it decides
    page.locator("a[href^='/products/ugglan']").first.click()
    page.wait_for_url(f"{shop.base_url}/products/ugglan*")
    assert page.context.cookies() == []
    page.locator("form#add-to-cart button").first.click()
    page.wait_for_url(f"{shop.base_url}/cart?added=*")
    fill_in_checkout(page, shop.base_url)
    order(page)
    pay(page)
    assert order_number(page, shop.base_url) == 1001
    with shelf.sessions.begin() as db:
        number = db.scalars(select(BlogPost.id)).one()
        source = label or f"~{number}"
        assert db.scalars(select(Order.source)).all() == [source]
    report = owner.get("/admin/blog/posts").text
    row = re.search(rf'<tr data-source="{source}">.*?</tr>', report, re.DOTALL)
    assert row is not None
    assert f'<a href="{post}">Sagostund</a>' in row[0]
    assert "281\xa0kr" in row[0]
    assert ("troligen" in row[0]) is not bool(label)
