"""The owner's side of the catalogue: from a photo to something on sale."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.blog.labels import labelled, ready_label
from shop.catalogue.actions import (
    MOST_PHOTOS,
    add_photos,
    archive,
    create_collection,
    create_product,
    delete_collection,
    describe_photo,
    duplicate,
    edit_collection,
    edit_product,
    move_collection,
    move_photo,
    publish,
    remove_photo,
    restore,
    set_members,
    unpublish,
)
from shop.catalogue.errors import NotReady, TooManyPhotos
from shop.catalogue.forms import CollectionForm, ProductForm
from shop.catalogue.models import Collection, Kind, Photo, Product, Status
from shop.catalogue.photos import MOST_BYTES
from shop.catalogue.queries import (
    collection_by_id,
    collection_ids_of,
    collection_sizes,
    collections,
    count_by_status,
    last_described,
    member_ids,
    product_by_id,
    product_ids,
    products_in,
)
from shop.catalogue.uploads import Received, receive, ticket
from shop.kit.clock import local_day
from shop.kit.forms import stripped, whole_number
from shop.kit.i18n import gettext as _
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.owner.actions import write_audit
from shop.stock.actions import follow_kind
from shop.stock.errors import MoreThanOne, PromisedAlready
from shop.stock.queries import stock_levels

UPLOAD_LIMIT = 48 * 1024 * 1024
LARGEST_ID = 2**31 - 1
LONGEST_ALT = 300
BY = "owner"
AWAY = {"unpublish": unpublish, "archive": archive, "restore": restore}
STEPS = {"up": -1, "down": 1}
SHOWN = {"": Status.PUBLISHED, "drafts": Status.DRAFT, "archived": Status.ARCHIVED}


@dataclass
class Sent:
    """A form that was sent: what was typed, the photos that came, and what is wrong with it."""

    form: ProductForm
    data: FormData
    received: Received
    photo_problems: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not (self.form.is_wrong or self.received.problems or self.photo_problems)

    def ask_for_what_it_takes(self, photos: int) -> None:
        """Say what is still missing before it can be on sale."""
        if not photos and not self.received.problems:
            self.photo_problems.append(
                _("Choose at least one photo: nobody buys what they cannot see.")
            )
        if self.form.price.data is None and not self.form.price.errors:
            self.form.price.errors = [_("Set a price: without one it cannot be on sale.")]


def show_list(request: Request) -> Response:
    chosen = request.query_params.get("show", "")
    shown = SHOWN.get(chosen, Status.PUBLISHED)
    with request.state.reads.begin() as db:
        products = products_in(db, shown)
        return page(
            request,
            "catalogue/admin/list.html",
            products=products,
            levels=stock_levels(db, [product.variants[0].id for product in products]),
            shown=shown,
            counts=count_by_status(db),
        )


# --- a new one ------------------------------------------------------------------------------------


def show_new(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return _new_page(request, Sent(_form(request, db, None), FormData(), Received()))


def create(request: Request, data: FormData) -> Response:
    """Make it out of photos, a name and a price, and put it on sale unless it is to be a draft."""
    received, selling = _received(request, data), "draft" not in data
    with request.state.reads.begin() as db:
        sent = Sent(_form(request, db, data), data, received)
    sent.form.validate()
    if selling:
        sent.ask_for_what_it_takes(len(received.hashes))
    if len(received.hashes) > MOST_PHOTOS:
        sent.photo_problems.append(_too_many())
    if not sent.fine:
        return _new_page(request, sent, status=422)
    till = request.state.till
    with till.sessions.begin() as db:
        product = create_product(db, sent.form.details(), received.hashes, now=till.now())
        follow_kind(db, product, pieces=sent.form.pieces, by=BY, now=till.now())
        if selling:
            publish(db, product, now=till.now())
            write_audit(db, BY, "item-publish", product.slug, now=till.now())
    return _to(product, "item-on-sale" if selling else "item-kept")


def _new_page(request: Request, sent: Sent, status: int = 200) -> Response:
    return page(
        request,
        "catalogue/admin/new.html",
        status=status,
        sent=sent,
        form=sent.form,
        tickets=_tickets(request, sent),
    )


# --- one that there is ----------------------------------------------------------------------------


def show_product(request: Request) -> Response:
    with request.state.reads.begin() as db:
        product = _product(request, db)
        sent = Sent(_form(request, db, None, product), FormData(), Received())
        return _page(request, db, product, sent)


def change(request: Request, data: FormData) -> Response:
    """Save everything on the page, then do what the button says beside."""
    received, verb = _received(request, data), str(data.get("then", ""))
    with request.state.reads.begin() as db:
        product = _product(request, db)
        sent = Sent(_form(request, db, data, product), data, received)
        sent.form.validate()
        if verb == "publish" or (product.status == Status.PUBLISHED and verb not in AWAY):
            sent.ask_for_what_it_takes(len(product.photos) + len(received.hashes))
        if not sent.fine:
            return _page(request, db, product, sent, status=422)
    try:
        return _save(request, sent, verb)
    except TooManyPhotos:
        problem, status = _too_many(), 422
    except NotReady:
        problem, status = _("What is on sale needs a price and at least one photo."), 409
    except PromisedAlready:
        problem, status = (
            _(
                "Somebody is paying for it right now, so what it is cannot be changed. Try again "
                "in an hour."
            ),
            409,
        )
    except MoreThanOne as error:
        problem = _("There are %(count)s of it on the shelf. Count it down to one first.") % {
            "count": error.on_hand
        }
        status = 409
    with request.state.reads.begin() as db:
        return _page(request, db, _product(request, db), sent, problem=problem, status=status)


def _save(request: Request, sent: Sent, verb: str) -> Response:
    till = request.state.till
    now = till.now()
    with till.sessions.begin() as db:
        product = _product(request, db)
        add_photos(product, sent.received.hashes)
        for photo in product.photos:
            _describe(request, photo, sent.data)
        edit_product(db, product, sent.form.details(), now=now)
        follow_kind(db, product, by=BY, now=now)
        return _then(request, db, product, verb)


def _then(request: Request, db: Session, product: Product, verb: str) -> Response:
    """Do what a button asks beside saving; "up-12" moves photo 12."""
    now = request.state.till.now()
    name, _dash, number = verb.partition("-")
    photo_id = whole_number(number, least=1, most=LARGEST_ID) or 0
    if name == "publish":
        publish(db, product, now=now)
        write_audit(db, BY, "item-publish", product.slug, now=now)
        return _to(product, "item-on-sale")
    if name in AWAY:
        AWAY[name](db, product)
        write_audit(db, BY, f"item-{name}", product.slug, now=now)
        return _to(product, f"item-{name}")
    if name == "duplicate":
        language = request.state.preferences.current.default_language
        copy = duplicate(db, product, language, now=now)
        pieces = 1 if copy.kind == Kind.UNIQUE else 0
        follow_kind(db, copy, pieces=pieces, by=BY, now=now)
        return _to(copy, "item-duplicate")
    if name == "remove":
        remove_photo(product, photo_id)
        return _to(product, "photo-removed", "#photos")
    if name in STEPS:
        move_photo(product, photo_id, STEPS[name])
        return _to(product, "saved", "#photos")
    return _to(product, "saved")


def _page(
    request: Request,
    db: Session,
    product: Product,
    sent: Sent,
    *,
    problem: str = "",
    status: int = 200,
) -> Response:
    variant, live = product.variants[0], request.state.preferences
    urls, path = live.urls, f"/products/{product.slug}"
    label = ready_label(live.current, local_day(request.state.till.now()))

    def alt(photo: Photo, language: str) -> str:
        typed = sent.data.get(_alt_field(photo, language))
        written = {text.locale: text.alt for text in photo.texts}
        return typed if isinstance(typed, str) else written.get(language, "")

    return page(
        request,
        "catalogue/admin/show.html",
        status=status,
        product=product,
        sent=sent,
        form=sent.form,
        tickets=_tickets(request, sent),
        level=stock_levels(db, [variant.id]).get(variant.id),
        alt=alt,
        in_scale=_numbers(sent.data, "in_scale")
        if sent.data
        else {p.id for p in product.photos if p.in_scale},
        in_shop=urls.link(path, urls.default_locale),
        address=urls.absolute(path, urls.default_locale),
        post_address=labelled(urls.absolute(path, urls.default_locale), label),
        problem=problem,
    )


# --- collections ----------------------------------------------------------------------------------


def show_collections(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return page(
            request,
            "catalogue/admin/collections.html",
            collections=collections(db),
            sizes=collection_sizes(db),
        )


def show_new_collection(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return _collection_page(request, db, _collection_form(request, None))


def add_collection(request: Request, data: FormData) -> Response:
    form, till = _collection_form(request, data), request.state.till
    if not form.validate():
        with request.state.reads.begin() as db:
            return _collection_page(request, db, form, data=data, status=422)
    with till.sessions.begin() as db:
        collection = create_collection(db, form.names(), form.texts())
        set_members(db, collection.id, _numbers(data, "members") & product_ids(db))
    return RedirectResponse("/admin/collections?note=saved", status_code=303)


def show_collection(request: Request) -> Response:
    with request.state.reads.begin() as db:
        collection = _collection(request, db)
        return _collection_page(
            request, db, _collection_form(request, None, collection), collection
        )


def change_collection(request: Request, data: FormData) -> Response:
    with request.state.reads.begin() as db:
        collection = _collection(request, db)
        form = _collection_form(request, data, collection)
        if not form.validate():
            return _collection_page(request, db, form, collection, data=data, status=422)
    with request.state.till.sessions.begin() as db:
        collection = _collection(request, db)
        edit_collection(db, collection, form.names(), form.texts())
        away = {product.id for product in products_in(db, Status.ARCHIVED)}  # not on the page
        kept = member_ids(db, collection.id) & away
        set_members(db, collection.id, _numbers(data, "members") & product_ids(db) | kept)
    return RedirectResponse("/admin/collections?note=saved", status_code=303)


def place_collection(request: Request, data: FormData) -> Response:
    """Move a collection one place up or down in the shop's list."""
    step = STEPS.get(str(data.get("step", "")), 0)
    with request.state.till.sessions.begin() as db:
        move_collection(collections(db), _collection(request, db).id, step)
    return RedirectResponse("/admin/collections?note=saved", status_code=303)


def remove_collection(request: Request, data: FormData) -> Response:  # noqa: ARG001 - a button
    till = request.state.till
    with till.sessions.begin() as db:
        collection = _collection(request, db)
        delete_collection(db, collection)
        write_audit(db, BY, "collection-deleted", collection.slug, now=till.now())
    return RedirectResponse("/admin/collections?note=collection-deleted", status_code=303)


def _collection_form(
    request: Request, data: FormData | None, collection: Collection | None = None
) -> CollectionForm:
    languages = request.state.preferences.current.languages
    return CollectionForm(data, languages=languages, collection=collection)


def _collection_page(
    request: Request,
    db: Session,
    form: CollectionForm,
    collection: Collection | None = None,
    *,
    data: FormData | None = None,
    status: int = 200,
) -> Response:
    there = member_ids(db, collection.id) if collection else set()
    return page(
        request,
        "catalogue/admin/collection.html",
        status=status,
        form=form,
        collection=collection,
        products=[*products_in(db, Status.PUBLISHED), *products_in(db, Status.DRAFT)],
        members=there if data is None else _numbers(data, "members"),
    )


def _collection(request: Request, db: Session) -> Collection:
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    collection = collection_by_id(db, number) if number else None
    if collection is None:
        raise HTTPException(404)
    return collection


# --- shared ---------------------------------------------------------------------------------------


def _form(
    request: Request, db: Session, data: FormData | None, product: Product | None = None
) -> ProductForm:
    return ProductForm(
        data,
        languages=request.state.preferences.current.languages,
        collections=collections(db),
        product=product,
        chosen=collection_ids_of(db, product.id) if product else None,
        like=None if product else last_described(db),
    )


def _received(request: Request, data: FormData) -> Received:
    tickets = [text for text in data.getlist("kept") if isinstance(text, str)]
    return receive(request.state.media, request.state.signer, tickets, _files(data))


def _files(data: FormData) -> Iterator[tuple[str, bytes]]:
    """Yield each chosen file when its turn comes: one at a time is in memory."""
    for upload in data.getlist("photos"):
        # a browser sends an empty, nameless file when none was chosen
        if isinstance(upload, UploadFile) and (upload.filename or upload.size):
            yield stripped(upload.filename), upload.file.read(MOST_BYTES + 1)


def _tickets(request: Request, sent: Sent) -> dict[str, str]:
    return {name: ticket(request.state.signer, name) for name in sent.received.hashes}


def _describe(request: Request, photo: Photo, data: FormData) -> None:
    """Take over what was typed beside *photo*; a form without its fields says nothing of it."""
    languages = request.state.preferences.current.languages
    if _alt_field(photo, languages[0]) not in data:
        return
    alt = {
        code: stripped(str(data.get(_alt_field(photo, code), "")))[:LONGEST_ALT]
        for code in languages
    }
    describe_photo(photo, alt, in_scale=photo.id in _numbers(data, "in_scale"))


def _alt_field(photo: Photo, language: str) -> str:
    return f"alt-{language}-{photo.id}"


def _numbers(data: FormData, name: str) -> set[int]:
    """Return the ids that were ticked under *name*."""
    numbers = (whole_number(text, least=1, most=LARGEST_ID) for text in data.getlist(name))
    return {number for number in numbers if number}


def _product(request: Request, db: Session) -> Product:
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    product = product_by_id(db, number) if number else None
    if product is None:
        raise HTTPException(404)
    return product


def _too_many() -> str:
    return _("At most %(most)s photos. Leave some out.") % {"most": MOST_PHOTOS}


def _to(product: Product, note: str, place: str = "") -> Response:
    address = f"/admin/products/{product.id}?note={note}{place}"
    return RedirectResponse(address, status_code=303)


routes = [
    Get("/admin/products", show_list, access=OWNER),
    Get("/admin/products/new", show_new, access=OWNER),
    Post("/admin/products/new", create, access=OWNER, pool="files", body_limit=UPLOAD_LIMIT),
    Get("/admin/products/{id}", show_product, access=OWNER),
    Post("/admin/products/{id}", change, access=OWNER, pool="files", body_limit=UPLOAD_LIMIT),
    Get("/admin/collections", show_collections, access=OWNER),
    Get("/admin/collections/new", show_new_collection, access=OWNER),
    Post("/admin/collections/new", add_collection, access=OWNER),
    Get("/admin/collections/{id}", show_collection, access=OWNER),
    Post("/admin/collections/{id}", change_collection, access=OWNER),
    Post("/admin/collections/{id}/place", place_collection, access=OWNER),
    Post("/admin/collections/{id}/removal", remove_collection, access=OWNER),
]
