"""What holds for all views: keys alone, a phone, both themes, hostile texts, much to show, a shop
that is slow or away.
"""
import json
import re
import time

from shop import expect

VIEWS = ["overview", "events", "search", "sagas", "lag", "parked", "books", "broker"]
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"

# The contrast of each text with what is behind it, as WCAG 2 reckons it; the worst ones.
CONTRAST = """(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest('svg, :disabled, .unseen, noscript, option')) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${walk.currentNode.data.trim().slice(0, 40)}`);
  }
  return bad;
})()"""


def keys_alone(shop):
    order = shop.place("keyla")
    shop.ended(order)
    page = shop.page("overview")
    focused = "document.activeElement"
    page.key("Tab")
    page.wait(f"{focused}.className === 'skip'", "the first is the way past the navigation")
    page.key("Enter")
    page.wait(f"{focused}.id === 'main'", "it leads to the view")
    page.key("2")
    page.wait("location.hash === '#/events'", "a key leads to a view")
    page.wait(f"{focused}.tagName === 'H1'", "the focus goes with it")
    page.key("p")
    page.wait("document.querySelector('#pause').textContent === 'Go on'", "a key pauses")
    page.key("p")
    page.wait("document.querySelector('#stream tbody tr')", "there are events")
    for _ in range(12):
        if page.run(f"{focused}.id === 'stream'"):
            break
        page.key("Tab")
    page.key("ArrowDown")
    page.wait("document.querySelector('tr[aria-current]')", "arrows choose an event")
    page.wait("!document.querySelector('.detail').hidden", "and it is shown")
    page.key("Escape")
    page.wait("document.querySelector('.detail').hidden", "Escape closes it")
    page.key("/")
    page.wait(f"{focused}.id === 'q'", "a key leads to the search")
    page.type(order)
    page.key("Enter")
    page.wait(f"document.querySelector('a[href=\"#/order/{order}\"]')", "the order is found")
    for _ in range(12):
        if page.run(f"{focused}.tagName === 'A' && {focused}.hash === '#/order/{order}'"):
            break
        page.key("Tab")
    expect(page.run(f"{focused}.matches(':focus-visible')"
                    f" && getComputedStyle({focused}).outlineStyle !== 'none'"), "the focus shows")
    page.key("Enter")
    page.wait("document.querySelector('.node')", "the order is shown")
    for _ in range(30):
        if page.run(f"{focused}.dataset.focus === 'correct'"):
            break
        page.key("Tab")
    page.key("Enter")
    page.wait("document.querySelector('dialog[open]')?.contains(document.activeElement)",
              "the focus is in the dialog")
    page.key("Escape")
    page.wait(f"{focused}.dataset.focus === 'correct'", "and back where it was")
    for _ in range(30):
        if page.run(f"{focused}.classList.contains('node')"):
            break
        page.key("Tab")
    page.key("Enter")
    page.wait("!document.querySelector('.detail').hidden", "an event of the lanes is shown")
    page.key("?")
    page.wait_text("Single keys are on")
    page.key("Escape")
    page.wait("!document.querySelector('dialog')", "the list of keys closes")
    return page


def phone(shop):
    order = shop.place("fiona", line={"description": "w" * 200})
    shop.ended(order)
    for view in VIEWS + ["search?q=fiona", f"order/{order}"]:
        page = shop.page(view, width=360, height=740)
        page.pause(1)
        width = page.run("document.documentElement.scrollWidth")
        expect(width <= 360, f"{view} is {width} wide")
        page.close()
    page = shop.page(f"order/{order}", width=360, height=740)
    page.wait("document.querySelectorAll('.lanes circle').length > 10", "lanes beside their names")
    page.click(".node.fact .box")
    page.wait("document.querySelector('.detail').getBoundingClientRect().right <= 360", "detail")
    return page


def themes(shop):
    order = shop.place("thea")
    shop.ended(order)
    for theme in ("light", "dark"):
        for view in VIEWS + [f"order/{order}"]:
            page = shop.page(view, theme=theme)
            page.pause(0.7)
            bad = page.run(CONTRAST)
            expect(bad == [], f"{view}, {theme}: {bad}")
            page.close()
        page = shop.page("broker", theme=theme)
        switched(page, theme)
        if theme == "light":
            page.close()
    return page


def switched(page, theme):
    """The switch turns the colours, and is kept."""
    ground = "getComputedStyle(document.body).backgroundColor"
    before, wanted = page.run(ground), "light" if theme == "dark" else "dark"
    while page.run("document.querySelector('#theme').textContent") != f"Theme: {wanted}":
        page.click("#theme")
    expect(page.run(ground) != before, "the switch turns the colours")
    page.call("Page.reload")
    page.wait(f"document.querySelector('#theme')?.textContent === 'Theme: {wanted}'", "it is kept")
    expect(page.run(ground) != before, "and the colours are")


def hostile(shop):
    customer = "<img/src=x/onerror=document.title='owned'>"
    order = shop.place(customer, reference=HOSTILE + shop.token, line={"description": HOSTILE})
    shop.ended(order)
    page = shop.page(f"order/{order}")
    page.click("summary[data-focus='lines']")
    page.wait_text("<script>document.title='owned'</script>", "it shows as text")
    page.click(".node.orders.fact .box")
    page.wait("document.querySelector('.detail pre').textContent.includes('<script>')", "data too")
    page.run("location.hash = '#/search'")
    page.wait_text(customer)
    page.click_text(customer, "main")
    page.wait_text("Orders of customer <img")
    page.run("location.hash = '#/events'")
    page.wait("document.querySelector('#stream tbody tr')", "there are events")
    page.click("#filter")
    page.type("onerror")
    page.run("location.hash = '#/order/' + encodeURIComponent('<img src=x>')")
    page.pause(0.5)
    expect(page.run("document.title").endswith("Kassa console"), "no script has run")
    expect(page.run("document.querySelectorAll('img, main script, iframe').length") == 0,
           "and no element is made of a text")
    found = page.run("fetch('/console/main.js')"
                     ".then((r) => r.headers.get('Content-Security-Policy'))")
    expect("default-src 'none'" in found and "unsafe" not in found, found)
    try:
        blocked = page.run("(() => { const e = document.createElement('script'); e.textContent ="
                           " 'document.title = \"owned\"'; document.body.append(e);"
                           " return document.title; })()")
    finally:
        page.complaints.clear()
    expect(blocked.endswith("Kassa console"), "and the policy would have kept it from running")
    return page


class Busy:
    """Stands in for a shop whose logs grow by 10,000 events a second."""

    LOGS = ["orders", "payments", "deliveries", "notifications"]

    def __init__(self, shop, pause=0):
        self.status = shop.get("/v1/status")
        self.began, self.pause, self.asked = time.monotonic(), pause, []

    def head(self):
        return int(1_000_000 + 2500 * (time.monotonic() - self.began))

    def answer(self, method, url, body):
        self.asked.append(url)
        time.sleep(self.pause)
        if "/v1/status" in url:
            status = json.loads(json.dumps(self.status))
            moment = time.time()
            status["at"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) \
                + f".{int(moment % 1 * 1e6):06d}Z"
            for part in status["parts"]:
                if part["part"] in self.LOGS:
                    part["logHead"] = self.head()
            return 200, status
        log = re.search("service=([a-z]+)", url).group(1)
        after, limit = (
            int(re.search(f"{name}=(\\d+)", url).group(1)) for name in ("after", "limit"))
        expect(limit <= 50 and self.head() - after < 20_000, f"not the end of the log: {url}")
        events = [{
            "id": f"{log}/1/{at}", "stream": f"order-{at}", "version": 1, "type": "order.placed",
            "schema": 1, "recordedAt": f"2026-11-28T01:02:{at % 60:02d}.{at % 1000000:06d}Z",
            "actor": "anonymous", "correlationId": str(at), "data": {"n": at, "text": "x" * 400},
        } for at in range(after + 1, after + limit + 1)]
        return 200, {"service": log, "events": events, "next": after + limit}


def ten_thousand_a_second(shop):
    busy = Busy(shop)
    page = shop.page("events", intercept=(["*/v1/status", "*/v1/events*"], busy.answer))
    page.run("""(() => {
      window.seen = { rows: 0, atOnce: 0, most: 0, long: 0 };
      new PerformanceObserver((list) => {
        for (const e of list.getEntries()) seen.long = Math.max(seen.long, e.duration);
      }).observe({ type: 'longtask', buffered: true });
      new MutationObserver(() => {
        seen.rows = Math.max(seen.rows, document.querySelectorAll('#stream tbody tr').length);
      }).observe(document.querySelector('#stream'), { childList: true, subtree: true });
      const plain = window.fetch;
      window.fetch = async (...all) => {
        seen.most = Math.max(seen.most, ++seen.atOnce);
        try { return await plain(...all); } finally { seen.atOnce--; }
      };
    })()""")
    page.wait("document.querySelectorAll('#stream tbody tr').length === 200", "the list is full")
    first = page.run("document.querySelector('#stream tbody tr').dataset.id")
    busy.asked.clear()
    began = time.monotonic()
    page.pause(6)
    seconds = time.monotonic() - began
    pages = sum("/v1/events" in url for url in busy.asked)
    statuses = sum("/v1/status" in url for url in busy.asked)
    seen = page.run("seen")
    print(f"    {statuses / seconds:.1f} statuses and {pages / seconds:.1f} pages a second, "
          f"longest task {seen['long']:.0f} ms", flush=True)
    expect(0 < pages <= 11 * seconds, f"{pages} pages")
    expect(statuses <= 3 * seconds, f"{statuses} statuses")
    expect(seen["rows"] <= 400 and seen["most"] <= 8, f"{seen}")
    rows = page.run("document.querySelectorAll('#stream tbody tr').length")
    expect(rows == 200, "rows are bounded")
    expect(page.run("document.querySelector('#stream tbody tr').dataset.id") != first, "it is live")
    page.wait("/passed unread/.test(document.querySelector('#tally').textContent)",
              "it says what is not read")
    page.click("#pause")
    page.wait("document.querySelector('#pause').textContent === 'Go on'", "a click is answered")
    busy.asked.clear()
    page.pause(1)
    expect(not any("/v1/events" in url for url in busy.asked), "paused, it reads no events")
    page.click("#pause")
    page.wait("document.querySelector('#pause').textContent === 'Pause'", "and goes on")
    page.click("a[data-view=lag]")
    page.wait("document.querySelector('h1').textContent === 'Lag'", "another view comes at once")
    page.pause(1)
    busy.asked.clear()
    page.pause(2)
    expect(not any("/v1/events" in url for url in busy.asked), "and nothing is read behind it")
    return page


def slow_shop(shop):
    """A shop that takes half a second for each answer is asked less often, and once at a time."""
    busy = Busy(shop, pause=0.5)
    page = shop.page("lag", intercept=(["*/v1/status"], busy.answer))
    page.wait("document.querySelector('tbody tr')", "it shows")
    busy.asked.clear()
    began = time.monotonic()
    page.pause(5)
    expect(len(busy.asked) <= (time.monotonic() - began) + 1, f"asked {len(busy.asked)} times")
    return page


def away(shop):
    """Whoever runs the suite takes the shop away and brings it back, as standard output tells."""
    page = shop.page("overview")
    page.wait_text("Newest position")
    page.run("document.querySelector('#main').dataset.kept = 'yes'")
    print("take the shop away", flush=True)
    page.wait("!document.querySelector('#banner').hidden", "it is said that the shop is away")
    page.wait_text("cannot be reached")
    expect(page.run("document.querySelector('#banner').getAttribute('role')") == "alert", "aloud")
    page.click("a[data-view=lag]")
    page.wait("document.querySelector('h1').textContent === 'Lag'", "the page goes on working")
    page.click("a[data-view=overview]")
    print("bring the shop back", flush=True)
    page.wait("document.querySelector('#banner').hidden", "it comes back by itself")
    page.wait("document.querySelector('#state').textContent !== 'shop cannot be reached'",
              "and says so")
    expect(page.run("document.querySelector('#main').dataset.kept") == "yes", "without a reload")
    page.complaints.clear()
    return page


CASES = [keys_alone, phone, themes, hostile, ten_thousand_a_second, slow_shop, away]
