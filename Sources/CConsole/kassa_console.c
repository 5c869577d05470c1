#include "kassa_console.h"

// The files are part of the program: a shop needs nothing beside it to show its console. That takes
// the one thing here that is of C23, and clang says so unless told that it is meant.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char console_html[] = {
#embed "assets/console.html"
};
static const unsigned char console_css[] = {
#embed "assets/console.css"
};
static const unsigned char icon_svg[] = {
#embed "assets/icon.svg"
};
static const unsigned char acts_js[] = {
#embed "assets/acts.js"
};
static const unsigned char alarms_js[] = {
#embed "assets/alarms.js"
};
static const unsigned char api_js[] = {
#embed "assets/api.js"
};
static const unsigned char books_js[] = {
#embed "assets/books.js"
};
static const unsigned char broker_js[] = {
#embed "assets/broker.js"
};
static const unsigned char dialog_js[] = {
#embed "assets/dialog.js"
};
static const unsigned char dom_js[] = {
#embed "assets/dom.js"
};
static const unsigned char events_js[] = {
#embed "assets/events.js"
};
static const unsigned char format_js[] = {
#embed "assets/format.js"
};
static const unsigned char lag_js[] = {
#embed "assets/lag.js"
};
static const unsigned char lanes_js[] = {
#embed "assets/lanes.js"
};
static const unsigned char main_js[] = {
#embed "assets/main.js"
};
static const unsigned char order_js[] = {
#embed "assets/order.js"
};
static const unsigned char overview_js[] = {
#embed "assets/overview.js"
};
static const unsigned char parked_js[] = {
#embed "assets/parked.js"
};
static const unsigned char poll_js[] = {
#embed "assets/poll.js"
};
static const unsigned char sagas_js[] = {
#embed "assets/sagas.js"
};
static const unsigned char search_js[] = {
#embed "assets/search.js"
};
static const unsigned char shop_js[] = {
#embed "assets/shop.js"
};
static const unsigned char theme_js[] = {
#embed "assets/theme.js"
};
static const unsigned char view_js[] = {
#embed "assets/view.js"
};

static const char html[] = "text/html; charset=utf-8";
static const char style[] = "text/css; charset=utf-8";
static const char script[] = "text/javascript; charset=utf-8";
static const char picture[] = "image/svg+xml";

#define FILE(name, type, bytes) {name, type, bytes, sizeof bytes}

static const struct kassa_console_file files[] = {
    FILE("console.html", html, console_html),
    FILE("console.css", style, console_css),
    FILE("icon.svg", picture, icon_svg),
    FILE("acts.js", script, acts_js),
    FILE("alarms.js", script, alarms_js),
    FILE("api.js", script, api_js),
    FILE("books.js", script, books_js),
    FILE("broker.js", script, broker_js),
    FILE("dialog.js", script, dialog_js),
    FILE("dom.js", script, dom_js),
    FILE("events.js", script, events_js),
    FILE("format.js", script, format_js),
    FILE("lag.js", script, lag_js),
    FILE("lanes.js", script, lanes_js),
    FILE("main.js", script, main_js),
    FILE("order.js", script, order_js),
    FILE("overview.js", script, overview_js),
    FILE("parked.js", script, parked_js),
    FILE("poll.js", script, poll_js),
    FILE("sagas.js", script, sagas_js),
    FILE("search.js", script, search_js),
    FILE("shop.js", script, shop_js),
    FILE("theme.js", script, theme_js),
    FILE("view.js", script, view_js),
};

size_t kassa_console_count(void) { return sizeof files / sizeof files[0]; }

struct kassa_console_file kassa_console_at(size_t place)
{
    const struct kassa_console_file none = {0, 0, 0, 0};
    return place < kassa_console_count() ? files[place] : none;
}
