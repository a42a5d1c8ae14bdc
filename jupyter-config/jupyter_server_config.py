"""The stock configuration of the embedded Jupyter: only what standing behind the gateway asks for."""

import os
import shutil
import sys

from jupyter_client.kernelspec import KernelSpecManager

c = get_config()  # noqa: F821

# The only door is a unix socket (named on the command line) in a folder that nobody but the gateway can
# enter; the gateway has checked identity, Host, Origin and CSRF before a request gets here.
c.ServerApp.sock_mode = "0600"
c.ServerApp.allow_remote_access = True
c.ServerApp.disable_check_xsrf = True
c.ServerApp.allow_root = os.geteuid() == 0
c.ServerApp.open_browser = False
c.ServerApp.token = ""
c.ServerApp.password = ""
c.IdentityProvider.token = ""

c.ServerApp.root_dir = os.getcwd()
c.ServerApp.default_url = "/lab"
# For its Log Out, which is the gateway's. The other entry that comes with it ends a server that is started again at
# once, with every kernel lost: labconfig/ takes it out of JupyterLab's menu.
c.ServerApp.quit_button = True
# Not a login shell: /etc/profile would set PATH anew and hide the user's own commands.
c.ServerApp.terminado_settings = {"shell_command": [os.environ.get("SHELL") or shutil.which("bash") or "/bin/sh"]}

# Nothing of it calls out by itself: no news, no update check, no list of extensions.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.handlers.announcements.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"


def _without_announcements(_handler, page):
    """The page would still ask every user whether to fetch news, which the lines above make impossible."""
    announcements = "@jupyterlab/apputils-extension:announcements"
    page["disabledExtensions"] = [*page.get("disabledExtensions", ()), announcements]
    return page


c.ServerApp.tornado_settings = {
    "page_config_hook": _without_announcements,
    # The gateway has a limit of its own, SPIN_MAX_MESSAGE_MB, which is at most that.
    "websocket_max_message_size": 256 * 1024 * 1024,
}

_SAFE_TAGS = """a abbr acronym b blockquote br caption code col colgroup dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i
    kbd li ol p pre s small span strong sub summary sup table tbody td tfoot th thead tr ul""".split()
_SAFE_ATTRIBUTES = {
    "*": ["class", "id", "style", "dir", "title"],
    "a": ["href"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}
# What lays a table out; nothing that places an element over others, or that can name an address.
_SAFE_STYLES = """background-color border-collapse color font-family font-style font-weight max-height max-width min-width
    opacity overflow overflow-wrap overflow-x text-align text-overflow vertical-align white-space width""".split()


def _sanitized(html):
    """
    What an export with "Sanitize" makes of HTML. nbconvert's own filter knows of a table only table, tr and td: a head
    (thead, th) and a paragraph become text, and styles go (clean_html in its filters/strings.py).
    """
    import bleach
    from bleach.css_sanitizer import CSSSanitizer

    text = html.decode() if isinstance(html, bytes) else str(html)
    styles = CSSSanitizer(allowed_css_properties=_SAFE_STYLES)
    return bleach.clean(text, tags=_SAFE_TAGS, attributes=_SAFE_ATTRIBUTES, css_sanitizer=styles)


c.TemplateExporter.filters = {"clean_html": _sanitized}

# Ten times the defaults: the gateway stops reading when a browser doesn't keep up, so the limits have only
# to save browsers from a print loop that never ends.
c.ZMQChannelsWebsocketConnection.iopub_data_rate_limit = 10_000_000
c.ZMQChannelsWebsocketConnection.iopub_msg_rate_limit = 10_000

# When the gateway ends it has waited for cells already: see keeper.py's GRACE.
c.KernelManager.shutdown_wait_time = 2.0

# Kernels listen on loopback ports that any local user could subscribe to: encrypted where a kernel can.
c.KernelManager.transport_encryption = "auto"


class UserKernelSpecs(KernelSpecManager):
    """Kernels run in the Python that users install packages into; the server keeps to its own."""

    def get_kernel_spec(self, kernel_name):
        spec = super().get_kernel_spec(kernel_name)
        if spec.argv and spec.argv[0] in {"python", "python3", sys.executable}:
            spec.argv[0] = os.path.join(os.environ["VIRTUAL_ENV"], "bin", "python3")
        return spec


c.ServerApp.kernel_spec_manager_class = UserKernelSpecs

# The log goes where the gateway reads it; what a kernel writes to the descriptors that it inherits doesn't:
# it could hold anything. (A changed format makes the server set its log up again, on the new stream.)
c.ServerApp.log_format = "%(levelname)s %(message)s"
log = os.dup(2)
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1)
os.dup2(null, 2)
sys.stdout = sys.stderr = os.fdopen(log, "w", buffering=1, errors="backslashreplace")
