"""The HTML page as a browser shows it, to eyes, keys and screen readers, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from pmcp_conformance.report.badge import badge, text_width
from pmcp_conformance.report.formats import write
from pmcp_conformance.report.model import Report
from pmcp_conformance.report.results import Outcome
from support.browser import chromium
from support.colours import LEAST_CONTRAST, contrast
from support.sample_reports import broken, conformant, fourteen, report

WIDTHS = (380, 1400)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

OUT_OF_THEIR_BOX = """
() => {
  const style = (element) => getComputedStyle(element);
  const scrolls = (element) => /auto|scroll|hidden|clip/.test(style(element).overflowX);
  const text = (element) => `${element.tagName}.${element.className} ${element.textContent}`;
  const found = [];
  const NOT_SHOWN = ".unseen, caption, .skip, svg, .chip input";
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility() || element.closest(NOT_SHOWN)) {
      continue;
    }
    const box = element.getBoundingClientRect();
    let around = element.parentElement;
    while (around && !scrolls(around)) around = around.parentElement;
    const tooWide = element.scrollWidth > element.clientWidth + 1;
    const tooHigh = element.scrollHeight > element.clientHeight + 1;
    const overflows =
      style(element).display !== "inline" && !scrolls(element) && (tooWide || tooHigh);
    if (overflows || (!around && (box.left < -1 || box.right > innerWidth + 1))) {
      found.push(text(element).slice(0, 80));
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page itself");
  return found;
}
"""

COLOURS = "(it) => [getComputedStyle(it).color, getComputedStyle(it).backgroundColor]"

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a report's page; at the end nothing may have gone wrong or over the network."""
    troubles = list[str]()
    pages = list[Page]()

    def opened(
        shown: Report, *, width: int = 1400, theme: Theme = "light", link: str = "", **more: bool
    ) -> Page:
        file = tmp_path / "report.html"
        write(shown, file)
        size = ViewportSize(width=width, height=900)
        page = browser.new_page(
            viewport=size,
            color_scheme=theme,
            reduced_motion="reduce",
            **more,  # type: ignore[arg-type]
        )
        page.set_default_timeout(10_000)
        pages.append(page)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda request: troubles.append(request.url))
        page.goto(f"{file.as_uri()}{link}")
        troubles.remove(f"{file.as_uri()}")
        return page

    yield opened
    for page in pages:
        page.close()
    assert troubles == []


def shown_rules(page: Page) -> list[str]:
    return page.locator(".rule:visible th b").all_text_contents()


def shown_details(page: Page) -> list[str]:
    return [article.get_attribute("id") or "" for article in page.locator("article:visible").all()]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shown", [report(broken("mine")), fourteen()], ids=["one", "fourteen"])
def test_nothing_is_out_of_its_box(open_page: Open, shown: Report, width: int, theme: str) -> None:
    page = open_page(shown, width=width, theme=theme)
    assert page.evaluate(OUT_OF_THEIR_BOX) == []
    page.get_by_role("button", name="Open all groups").click()
    page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    assert page.evaluate(OUT_OF_THEIR_BOX) == []
    for details in ("article.failed", "article.blocked", "article.failed[id*=CON-8]"):
        page.locator(details).first.evaluate("(article) => location.hash = article.id")
        assert page.evaluate(OUT_OF_THEIR_BOX) == []


@pytest.mark.parametrize("link", ["", "#backend-1-linux-3.12/CAS-4"])
def test_many_backends_are_taken_in_at_a_glance(open_page: Open, link: str) -> None:
    page = open_page(fourteen(), width=1400, link=link)
    page.get_by_role("button", name="Open all groups").click()
    hidden = "(box) => box.scrollWidth - box.clientWidth"
    assert page.locator(".scroller").evaluate(hidden) == 0


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("backends", [1, 4])
def test_nobody_is_left_out(open_page: Open, backends: int, theme: str) -> None:
    page = open_page(report(*(broken(f"mine-{n}") for n in range(backends))), theme=theme)
    page.get_by_label("Find").fill("version")
    check_accessible(page)
    page.get_by_role("checkbox", name="failed").check(force=True)
    page.locator("td.failed a:visible").first.click()
    check_accessible(page)


def check_accessible(page: Page) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("theme", THEMES)
def test_symbols_can_be_read(open_page: Open, theme: Theme) -> None:
    page = open_page(report(broken("mine")), theme=theme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for outcome in Outcome:
        cell = page.locator(f".rule td.{outcome.replace(' ', '-')}").first
        colour, own = cell.evaluate(COLOURS)
        below = ground if own == "rgba(0, 0, 0, 0)" else own
        assert contrast(colour, below) > LEAST_CONTRAST, outcome


def test_a_matrix_has_a_heading_for_each_row_and_column(open_page: Open) -> None:
    page = open_page(report(conformant("one"), broken("two")))
    heads = page.locator("thead th[scope=col]")
    assert [text.split()[0] for text in heads.all_text_contents()] == [
        "Rules",
        "one✓CONFORMANT",
        "two✗NOT",
    ]
    assert page.locator(".rule").count() == page.locator(".rule th[scope=row]").count()
    page.get_by_role("button", name="Open all groups").click()
    assert page.get_by_role("link", name="GET-1, one: passed").inner_text() == "✓"


def test_headings_stay_in_sight(open_page: Open) -> None:
    page = open_page(fourteen(), width=380)
    page.get_by_role("button", name="Open all groups").click()
    page.locator(".scroller").evaluate("(it) => it.scrollTo(400, 2000)")
    corner = page.locator(".corner").bounding_box()
    scroller = page.locator(".scroller").bounding_box()
    assert corner is not None
    assert scroller is not None
    assert (corner["x"], corner["y"]) == pytest.approx((scroller["x"], scroller["y"]), abs=2)


def test_filters_by_outcome_group_and_text(open_page: Open) -> None:
    page = open_page(report(conformant("one"), broken("two")))
    page.get_by_role("checkbox", name="unproven").check(force=True)
    unproven = shown_rules(page)
    assert "FLT-1" in unproven
    assert "GET-1" not in unproven
    page.get_by_role("checkbox", name="unproven").uncheck(force=True)
    page.get_by_role("checkbox", name="failed").check(force=True)
    failed = shown_rules(page)
    assert failed
    assert page.locator(".rule:visible:not(:has(td.failed))").count() == 0
    page.get_by_label("Group").select_option("CAS")
    assert shown_rules(page) == [rule for rule in failed if rule.startswith("CAS-")]
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Find").fill("OLDER version")
    assert shown_rules(page) == ["CAS-2"]
    assert page.locator("output").inner_text().startswith("1 of ")
    page.get_by_label("Find").fill("nothing like this")
    assert shown_rules(page) == []
    page.get_by_role("button", name="Show all rules").click()
    assert page.get_by_label("Find").input_value() == ""
    assert page.locator(".scroller").is_visible()


def test_groups_open_and_close(open_page: Open) -> None:
    page = open_page(report(conformant("one")))
    assert shown_rules(page) == []
    group = page.get_by_role("button", name="GET", exact=True)
    assert group.get_attribute("aria-expanded") == "false"
    group.click()
    assert shown_rules(page) == ["GET-1", "GET-2", "GET-3", "GET-4"]
    assert group.get_attribute("aria-expanded") == "true"


def test_a_cell_shows_the_details_of_its_rule(open_page: Open) -> None:
    page = open_page(report(broken("mine")))
    assert shown_details(page) == []
    page.get_by_role("link", name="GET-2, mine: failed").click()
    assert shown_details(page) == ["mine/GET-2"]
    details = page.locator("article:visible")
    for text in (
        "Getting a key returns",
        "onerror=alert(1)",
        "it returned 0123",
        "durable = True",
        "store.py:41 in _put",
        "backend.create(record(A, 'task', 'working')) # -> 1",
    ):
        assert text in details.inner_text()
    details.get_by_text("Traceback", exact=True).click()
    assert details.get_by_text("KeyError: 'task'").is_visible()
    page.get_by_role("link", name="Close").click()
    assert shown_details(page) == []
    assert page.evaluate("document.activeElement.hash") == "#mine/GET-2"


def test_a_history_shows_its_timeline(open_page: Open) -> None:
    page = open_page(report(broken("mine")))
    page.get_by_role("link", name="CON-8, mine: failed").click()
    details = page.locator("article:visible")
    assert details.get_by_role("heading", name="Timeline").is_visible()
    assert "python -m pmcp_conformance.history /tmp/pmcp-histories" in details.inner_text()


def test_a_link_leads_to_a_rule(open_page: Open) -> None:
    page = open_page(report(conformant("one"), broken("two")), link="#one/CAS-2")
    assert shown_details(page) == ["one/CAS-2"]
    assert (
        page.get_by_role("link", name="CAS-2, one: passed").get_attribute("aria-current") == "true"
    )


def test_the_start_leads_to_its_rule_and_on_to_the_other_failures(open_page: Open) -> None:
    page = open_page(report(broken("mine")))
    card = page.locator(".card")
    assert "Start with CAS-2, which probably explains 6 of the other failures." in card.inner_text()
    assert "fits 93 %" in card.inner_text()
    assert "and 5 more like these" in card.inner_text()
    card.get_by_role("link", name="CAS-2").click()
    assert shown_details(page) == ["mine/CAS-2"]
    page.keyboard.press("Escape")
    page.locator("td.failed a:visible").first.click()
    first = shown_details(page)
    page.locator("article:visible nav a").last.click()
    assert shown_details(page) != first


def test_keys_move_open_and_close(open_page: Open) -> None:
    page = open_page(report(broken("one"), broken("two")))
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "text"
    page.locator("tbody button:visible").first.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.hash") == "#one/GET-2"
    page.keyboard.press("Enter")
    assert shown_details(page) == ["one/GET-2"]
    page.keyboard.press("n")
    assert shown_details(page) == ["two/GET-2"]
    page.keyboard.press("p")
    assert shown_details(page) == ["one/GET-2"]
    page.keyboard.press("Escape")
    assert shown_details(page) == []
    assert page.evaluate("document.activeElement.hash") == "#one/GET-2"


def test_the_matrix_is_one_stop_of_the_tab_key(open_page: Open) -> None:
    page = open_page(report(broken("mine")))
    assert page.locator("table [tabindex='0']").count() == 1


def test_the_page_works_without_scripts(open_page: Open) -> None:
    page = open_page(report(broken("mine")), java_script_enabled=False)
    assert page.locator(".filters").is_hidden()
    page.get_by_role("link", name="GET-2, mine: failed").click()
    assert shown_details(page) == ["mine/GET-2"]
    page.get_by_role("link", name="Close").click()
    assert shown_details(page) == []


def test_the_texts_of_a_badge_are_as_wide_as_it_takes_them_to_be(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(badge(report(conformant("memory"), broken("WWWW-iiii_llll.MMMM"))))
    for text in page.locator("text").all():
        text.evaluate("(it) => it.removeAttribute('textLength')")
        width = text.evaluate("(it) => it.getComputedTextLength()")
        assert text_width(text.text_content() or "") == pytest.approx(width, rel=0.25)
    page.close()


def test_paper_has_the_matrix_and_the_failures_in_full(open_page: Open) -> None:
    page = open_page(report(broken("mine")))
    page.emulate_media(media="print")
    assert page.locator(".filters").is_hidden()
    assert page.locator("article.failed:visible").count() == page.locator("td.failed a").count()
    assert page.locator("article.passed:visible").count() == 0
    assert len(shown_rules(page)) == page.locator(".rule").count()
