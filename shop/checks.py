"""What still stands between this shop and real money: one line each, with what to do about it.

Above every room, because it asks most of them; for the owner's page and for `shop check`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from shop.catalogue.queries import anything_published
from shop.config import Config
from shop.kit.i18n import country_name, format_words, ngettext
from shop.kit.i18n import gettext as _
from shop.payments.errors import PaymentError, PaymentUnknown
from shop.payments.gateway import API_VERSION
from shop.payments.provider import EVENTS, PaymentGateway, WebhookEndpoint
from shop.preferences.queries import page_texts
from shop.preferences.texts import SLUGS, is_starting_text
from shop.preferences.values import Preferences
from shop.shipping.queries import rates_in_force, zones
from shop.tax.queries import vat_rate_bp

StripesAnswer = Sequence[WebhookEndpoint] | PaymentError


@dataclass(frozen=True)
class Check:
    """Whether one thing is as it must be; *place* is the owner's page where it is seen to."""

    name: str
    ok: bool
    sentence: str
    place: str = ""


def ask_stripe(gateway: PaymentGateway) -> StripesAnswer:
    """Return the webhook endpoints that Stripe has, or why it does not tell.

    Waits for the network, so no transaction may be open.
    """
    try:
        return gateway.webhook_endpoints()
    except PaymentError as error:
        return error


def checks(
    config: Config,
    preferences: Preferences,
    db: Session,
    stripe: StripesAnswer,
    *,
    today: date,
) -> list[Check]:
    """Return every check, in the language of the moment, in the order in which to see to them."""
    return [
        _seller(preferences),
        _texts(db, preferences),
        _items(db),
        _postage(db, today),
        _vat(db, preferences, today),
        _address(config),
        _proxies(config, preferences),
        _stripe_key(config),
        _webhook(config, stripe),
        _mail(config),
    ]


# --- what the owner sees to in the shop -----------------------------------------------------------


def _seller(preferences: Preferences) -> Check:
    names = {
        "legal_name": _("name"),
        "org_number": _("registration number"),
        "street": _("street address"),
        "postal_code": _("postal code"),
        "city": _("town"),
        "email": _("e-mail"),
        "phone": _("phone"),
    }
    missing = [words for name, words in names.items() if not getattr(preferences, name)]
    return Check(
        _("Who sells"),
        not missing,
        _("Buyers can see who sells and how to reach you.")
        if not missing
        else _("The law requires that buyers can see who sells. Still missing: %(names)s.")
        % {"names": format_words(missing)},
        "/admin/settings/seller",
    )


def _texts(db: Session, preferences: Preferences) -> Check:
    written = page_texts(db)
    wanted = [(slug, locale) for slug in SLUGS for locale in preferences.languages]
    unread = [
        key
        for key in wanted
        if key not in written or is_starting_text(*key, written[key].title, written[key].body)
    ]
    return Check(
        _("Texts"),
        not unread,
        _("The text pages are in your own words.")
        if not unread
        else ngettext(
            "%(num)s text is still as it came with the program. Read it and make it your own.",
            "%(num)s texts are still as they came with the program. Read them and make them your "
            "own.",
            len(unread),
        )
        % {"num": len(unread)},
        "/admin/texts",
    )


def _items(db: Session) -> Check:
    on_shelf = anything_published(db)
    return Check(
        _("Items"),
        on_shelf,
        _("There is something to buy.")
        if on_shelf
        else _("Nothing is on the shelf yet. Add the first item."),
        "/admin/products",
    )


def _postage(db: Session, today: date) -> Check:
    there = zones(db)
    without = [zone.name for zone in there if not rates_in_force(db, zone.id, today)]
    if not there:
        sentence = _("The shop does not send anywhere yet. Say where to, and what it costs.")
    elif without:
        sentence = _("No prices yet for %(zones)s.") % {"zones": format_words(without)}
    else:
        sentence = _("There are prices for every country that the shop sends to.")
    return Check(_("Postage"), bool(there) and not without, sentence, "/admin/shipping")


def _vat(db: Session, preferences: Preferences, today: date) -> Check:
    place, country = "/admin/settings/tax", country_name(preferences.country)
    if not preferences.vat_registered:
        return Check(_("VAT"), True, _("The shop charges no VAT, as you have set it."), place)
    if not vat_rate_bp(db, preferences.country, today):
        sentence = _("Prices include VAT, but no rate is set for %(country)s.")
        return Check(_("VAT"), False, sentence % {"country": country}, place)
    if not preferences.vat_number:
        return Check(_("VAT"), False, _("The VAT number is missing."), place)
    return Check(_("VAT"), True, _("Rate and VAT number are set."), place)


# --- what is set where the shop runs --------------------------------------------------------------


def _address(config: Config) -> Check:
    if config.demo:
        sentence = _("This is the demo. A real shop runs with %(name)s=production.") % {
            "name": "SHOP_ENV"
        }
    elif not config.https:
        sentence = _("%(name)s must begin with https:// before anybody else may buy.") % {
            "name": "SHOP_BASE_URL"
        }
    else:
        sentence = _("The shop is at %(address)s.") % {"address": config.base_url}
    return Check(_("Address"), config.https and not config.demo, sentence)


def _proxies(config: Config, preferences: Preferences) -> Check:
    """The shop itself speaks plain http, so at an https address a proxy stands before it."""
    name = _("Buyers’ addresses")
    if not config.https:
        return Check(name, True, _("No proxy stands between the buyers and the shop."))
    if config.trusted_proxies:
        return Check(name, True, _("The shop sees from which network each buyer comes."))
    sentence = _(
        "A proxy stands before the shop at %(address)s, and the shop is not told which one. So it "
        "takes all buyers for one: when %(most)s of them are about to pay, nobody else can order. "
        "Set %(name)s to the proxy’s address, such as 127.0.0.1."
    )
    facts = {
        "address": config.base_url,
        "most": preferences.holds_per_network,
        "name": "SHOP_TRUSTED_PROXIES",
    }
    return Check(name, False, sentence % facts)


def _stripe_key(config: Config) -> Check:
    name = _("Stripe’s key")
    names = {"name": "SHOP_STRIPE_SECRET_KEY", "base": "SHOP_STRIPE_API_BASE"}
    if config.stripe_api_base:
        sentence = _("Payments go to a stand-in, not to Stripe. Remove %(base)s.")
    elif not config.stripe_secret_key.startswith(("sk_", "rk_")):
        sentence = _("%(name)s must be a secret key: it begins with sk_live_ or rk_live_.")
    elif not config.takes_real_money:
        sentence = _("%(name)s is a test key: only test cards work. Put in the live key.")
    else:
        return Check(name, True, _("Stripe takes real money."))
    return Check(name, False, sentence % names)


def _webhook(config: Config, stripe: StripesAnswer) -> Check:
    url = f"{config.base_url}/webhooks/stripe"
    told = [] if isinstance(stripe, PaymentError) else stripe
    ours = [endpoint for endpoint in told if endpoint.url == url]
    fault = _no_answer(stripe) or _endpoint_fault(ours) or _secret_fault(config)
    facts = {
        "url": url,
        "version": API_VERSION,
        "events": format_words(EVENTS),
        "missing": format_words(_missing(ours)),
        "key": "SHOP_STRIPE_SECRET_KEY",
        "secret": "SHOP_STRIPE_WEBHOOK_SECRET",
    }
    sentence = fault or _("Stripe tells the shop at once when somebody has paid.")
    return Check(_("Stripe’s messages"), not fault, sentence % facts)


def _no_answer(stripe: StripesAnswer) -> str:
    """Return why Stripe does not tell its endpoints; "" if it does."""
    if isinstance(stripe, PaymentUnknown):
        return _("Stripe did not answer. Try again in a minute.")
    if isinstance(stripe, PaymentError):
        return _(
            "Stripe refuses the key in %(key)s. Check that it is complete and, if it is a "
            "restricted key, that it may read webhook endpoints."
        )
    return ""


def _endpoint_fault(ours: Sequence[WebhookEndpoint]) -> str:
    """Return why none of the endpoints at our address will do; "" if one does."""
    if not ours:
        return _(
            "Stripe does not know where to report payments. In Stripe, under Developers, "
            "Webhooks, add the endpoint %(url)s with API version %(version)s and the events "
            "%(events)s. Then put its signing secret into %(secret)s."
        )
    if not any(endpoint.enabled for endpoint in ours):
        return _("The endpoint %(url)s is switched off in Stripe. Switch it on.")
    if not _speaking(ours):
        return _(
            "The endpoint %(url)s speaks another API version than the shop. Make a new one in "
            "Stripe with version %(version)s, put its signing secret into %(secret)s and "
            "remove the old one."
        )
    if _missing(ours):
        return _(
            "The endpoint %(url)s does not send everything that the shop needs to know. In "
            "Stripe, let it also send the events %(missing)s."
        )
    return ""


def _speaking(ours: Sequence[WebhookEndpoint]) -> list[WebhookEndpoint]:
    return [one for one in ours if one.enabled and one.api_version == API_VERSION]


def _missing(ours: Sequence[WebhookEndpoint]) -> Sequence[str]:
    """Return what the endpoint that sends most leaves out."""
    left_out = (
        [event for event in EVENTS if not endpoint.events & {event, "*"}]
        for endpoint in _speaking(ours)
    )
    return min(left_out, key=len, default=[])


def _secret_fault(config: Config) -> str:
    if all(secret.startswith("whsec_") for secret in config.stripe_webhook_secrets):
        return ""
    return _("%(secret)s must be the endpoint’s signing secret: it begins with whsec_.")


def _mail(config: Config) -> Check:
    if config.smtp_url:
        return Check(
            _("Mail"),
            True,
            _("Mail is sent through your mail server. Send yourself a test e-mail once."),
        )
    sentence = _(
        "Mail is only written to files in %(folder)s. Set %(name)s to your e-mail provider’s "
        "server, such as smtps://name:password@smtp.example.se."
    )
    return Check(
        _("Mail"), False, sentence % {"folder": config.mail_folder, "name": "SHOP_SMTP_URL"}
    )
