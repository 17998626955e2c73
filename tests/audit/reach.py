"""What somebody needs to get about in a page who has no mouse, or sees it enlarged."""

from playwright.sync_api import Page

# what has the focus, whether it can be seen, and whether that it has the focus can be seen
FOCUS = """() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const box = it.getBoundingClientRect();
  const across = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 2);
  const down = Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 2);
  const top = document.elementFromPoint(across, down);
  const style = getComputedStyle(it);
  const shows = element => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };
  const around = [it, ...(it.labels || [])];
  for (let up = it.parentElement; up && up.localName !== "main"; up = up.parentElement) {
    around.push(up);
  }
  return {
    what: it.outerHTML.slice(0, 120),
    name: it.getAttribute("name") || "", id: it.id, href: it.getAttribute("href") || "",
    inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    uncovered: !!top && (it.contains(top) || top.contains(it)
      || [...(it.labels || [])].some(label => label.contains(top))),
    marked: around.some(shows),
  };
}"""
# what is too small to be hit with a finger: under 24 px, and not alone within 24 px either
TARGETS = """() => {
  const what = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  const hidden = ".visually-hidden, .skip";
  const found = [...document.querySelectorAll(what)]
    .filter(e => e.checkVisibility() && !e.closest(hidden))
    .map(e => ({ e, box: (e.closest("label") || e).getBoundingClientRect() }))
    .filter(({ box }) => box.width && box.height);
  const inSentence = e => getComputedStyle(e).display === "inline"
    && [...e.parentElement.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const near = (a, b) => {
    const x = a.left + a.width / 2, y = a.top + a.height / 2;
    const across = Math.max(b.left - x, 0, x - b.right);
    const down = Math.max(b.top - y, 0, y - b.bottom);
    return Math.hypot(across, down) < 12;
  };
  return found
    .filter(({ e, box }) => (box.width < 24 || box.height < 24) && !inSentence(e))
    .filter(({ e, box }) => found.some(one => one.e !== e && near(box, one.box)
      && (one.e.closest("label") || one.e) !== (e.closest("label") || e)))
    .map(({ e, box }) => `${e.outerHTML.slice(0, 100)} ${box.width}x${box.height}`);
}"""
WIDER = """
* { line-height: 1.5 !important }
* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
p { margin-bottom: 2em !important }
"""
CUT_OFF = """() => [...document.querySelectorAll("body *")].filter(e => {
  const style = getComputedStyle(e);
  return e.checkVisibility() && !e.closest(".visually-hidden, .skip, svg, .strip, select")
    && ["hidden", "clip"].includes(style.overflowX) && e.scrollWidth > e.clientWidth + 1
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
}).map(e => e.outerHTML.slice(0, 120))"""
UNNAMED = """() => {
  const names = {};
  for (const button of document.querySelectorAll("main button")) {
    if (!button.checkVisibility()) continue;
    const plain = words => words.replace(/\\s+/g, " ").replace(/ (?=[:,])/g, "").trim();
    const name = plain(button.getAttribute("aria-label") || button.innerText);
    const shown = plain(button.innerText);
    const does = [button.form && button.form.action, button.name, button.value,
                  button.form && new URLSearchParams(new FormData(button.form))].join("|");
    (names[name] ||= new Set()).add(does);
    const begins = name.toLowerCase().startsWith(shown.toLowerCase());
    if (!name || !begins) names["?" + name] = new Set([1, 2]);
  }
  return Object.entries(names).filter(([, does]) => does.size > 1).map(([name]) => name);
}"""


class Keys:
    """Somebody with a keyboard and nothing else; at each step the focus must be there to see."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def tab_to(self, selector: str, *, most: int = 80) -> None:
        for _ in range(most):
            self.page.keyboard.press("Tab")
            self.look()
            if self.page.evaluate("s => document.activeElement?.matches(s)", selector):
                return
        raise AssertionError(f"{selector} is not reached by the keyboard")

    def look(self) -> None:
        """See where the focus is, once the page has scrolled to it."""
        seen = None
        for _ in range(20):
            seen = self.page.evaluate(FOCUS)
            if seen is None or (seen["inside"] and seen["uncovered"] and seen["marked"]):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(seen)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def write(self, selector: str, words: str) -> None:
        self.tab_to(selector)
        self.press("Control+A")
        self.page.keyboard.type(words)


def walk_through(page: Page, *, least: int) -> None:
    """Go through the whole page by Tab: the focus is always there to see, and nothing traps it. So
    it gets to *least* places at the least.
    """
    keys, seen = Keys(page), set[int]()
    page.evaluate("document.activeElement?.blur()")
    for _ in range(150):
        page.keyboard.press("Tab")
        keys.look()
        place = page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
        if place in seen or page.evaluate("document.activeElement === document.body"):
            break  # once round
        seen.add(place)
    else:
        raise AssertionError("the keyboard does not get out of the page")
    assert len(seen) >= least


def enlarge(page: Page) -> None:
    """At 320 px, which is 1280 at 400 %: no sideways scrolling, with the reader's own spacing too;
    whatever can be hit is 24 px; no two buttons of one name do two things.
    """
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(TARGETS) == []
    assert page.evaluate(UNNAMED) == []
    page.evaluate(
        """css => {
          const sheet = new CSSStyleSheet(); sheet.replaceSync(css);
          document.adoptedStyleSheets = [sheet];
        }""",
        WIDER,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(CUT_OFF) == []
    page.evaluate("document.adoptedStyleSheets = []")
