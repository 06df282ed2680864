#!/usr/bin/python3
"""WebKitGTK under WebDriver, as MiniBrowser is, but with a data folder that the next run finds again.

webkit.py FOLDER [--block-site-data]. Tabs are pages of a notebook: those behind are really hidden.
"""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2

folder, *flags = sys.argv[1:]
data = WebKit2.WebsiteDataManager(base_data_directory=f"{folder}/data", base_cache_directory=f"{folder}/cache")
context = WebKit2.WebContext(website_data_manager=data)
context.set_automation_allowed(True)
settings = WebKit2.Settings(enable_html5_local_storage="--block-site-data" not in flags, enable_page_cache=True, javascript_can_open_windows_automatically=True)

windows = []  # the notebooks that are their content


def add_window():
    window, tabs = Gtk.Window(default_width=1000, default_height=800), Gtk.Notebook()
    window.add(tabs)
    window.show_all()
    windows.append(tabs)
    return tabs


def add_tab(tabs, **how):
    view = WebKit2.WebView(settings=settings, is_controlled_by_automation=True, **how)
    view.connect("close", close)
    view.connect("create", lambda opener, _: add_tab(opener.get_parent(), related_view=opener))
    # The driver makes a tab the current one by giving it the focus.
    view.connect("grab-focus", lambda _: tabs.set_current_page(tabs.page_num(view)))
    view.show()
    tabs.set_current_page(tabs.append_page(view))
    return view


def close(view):
    tabs = view.get_parent()
    tabs.remove(view)
    view.destroy()
    if tabs.get_n_pages() == 0:
        tabs.get_toplevel().destroy()
        windows.remove(tabs)
    if not windows:
        Gtk.main_quit()


def start(_, session):
    info = WebKit2.ApplicationInfo()
    info.set_name("beaconry-webkit")
    info.set_version(WebKit2.get_major_version(), WebKit2.get_minor_version(), WebKit2.get_micro_version())
    session.set_application_info(info)
    session.connect("create-web-view::tab", lambda _: add_tab(windows[-1] if windows else add_window(), web_context=context))
    session.connect("create-web-view::window", lambda _: add_tab(add_window(), web_context=context))


context.connect("automation-started", start)
Gtk.main()
