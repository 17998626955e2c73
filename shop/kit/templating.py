"""One way to make a page, and the same templates for mail."""

from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context, Macro
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shop.kit import i18n
from shop.kit.markdown import markdown
from shop.kit.money import Money

FOLDER = Path(__file__).parents[2] / "templates"
MOST_REMEMBERED = 4_000_000  # letters of pieces of pages


class Templates(Environment):
    """Templates that all ask for the same things, which are known before the first is loaded."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return one plain dict: Jinja's own chain of them is gone through link by link with each
        import, which takes a tenth of a page.
        """
        return {**self.globals, **(d or {})}


def make_environment(*, html: bool, **shop_globals: Any) -> Environment:
    """Return the environment for pages and HTML mail (escaped), or for plain text mail."""
    environment = Templates(
        loader=FileSystemLoader(FOLDER),
        autoescape=html,  # off for plain text mail alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not html,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        auto_reload=False,  # templates come with the program, and are asked for all the time
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined] # from the extension
        i18n.gettext, i18n.ngettext, newstyle=True, pgettext=i18n.pgettext
    )
    environment.filters.update(
        number=i18n.format_number,
        day=i18n.format_day,
        weekday=i18n.format_weekday,
        days_until=i18n.format_days,
        moment=i18n.format_moment,
        clock=i18n.format_clock,
        country=i18n.country_name,
        markdown=lambda text: Markup(markdown(text)),  # noqa: S704 - sanitised there
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    # Words are most of what a page asks for: straight there, and not through the context twice.
    say = _speaker(Markup if html else str)
    environment.globals.update(
        gettext=say,
        _=say,
        money=_money,
        current_locale=i18n.current_locale,
        remembered=_remembering(),
        **shop_globals,
    )
    return environment


def _speaker(mark: type[str]) -> Callable[..., str]:
    @cache  # of what the templates say: no more than there are
    def marked(message: str, _locale: str) -> str:
        return mark(i18n.gettext(message))

    def say(message: str, **variables: object) -> str:
        text = marked(message, i18n.current_locale())
        return text % variables if "%" in text else text

    return say


def _remembering() -> Callable[..., str]:
    """Return what calls a macro, and the next time answers what it answered to the same arguments.

    A macro of another template is given as "its/template.html#its_name": it is not even imported
    where the answer is known. The arguments must be values that can be compared, and the macro may
    look at nothing else but the language and the owner's preferences.
    """
    kept: dict[tuple[object, ...], tuple[str, object]] = {}
    letters = 0

    @pass_context
    def remembered(context: Context, macro: Macro | str, *arguments: object) -> str:
        nonlocal letters
        preferences = context["shop"]  # kept with the answer: so its id is nobody else's
        name = macro if isinstance(macro, str) else f"{context.name}#{macro.name}"
        key = (name, i18n.current_locale(), id(preferences), arguments)
        known = kept.get(key)
        if known is None:
            called = _imported(context, macro) if isinstance(macro, str) else macro
            known = (called(*arguments), preferences)
            letters += len(known[0])
            if letters > MOST_REMEMBERED:
                kept.clear()
                letters = len(known[0])
            kept[key] = known
        return known[0]

    return remembered


def _imported(context: Context, name: str) -> Macro:
    """Return the macro of another template, as ``import … with context`` does."""
    template, _, macro = name.partition("#")
    module = context.environment.get_template(template).make_module(context.get_all(), shared=True)
    found: Macro = getattr(module, macro)
    return found


def filler(environment: Environment) -> Callable[[str, Mapping[str, Any]], str]:
    """Return what fills in a template by its name: for those who need not know of templates."""
    return lambda name, context: environment.get_template(name).render(context)


@pass_context
def _money(context: Context, amount: int | Money) -> str:
    """Show Money, or a bare amount in the shop's own currency."""
    money = amount if isinstance(amount, Money) else Money(amount, context["shop"].currency)
    return i18n.format_money(money)


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render *template* for *request*; what the page needs stands in the call."""
    surroundings: Callable[[Request], dict[str, Any]] = request.state.surroundings
    environment: Environment = request.state.templates
    html = environment.get_template(template).render({**surroundings(request), **context})
    return HTMLResponse(html, status_code=status)
