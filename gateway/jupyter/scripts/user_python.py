"""Makes the Python that notebooks run in: `python3 -I user_python.py FOLDER`, with the environment's python3.

FOLDER becomes a virtual environment that sees every package of Jupyter's environment: packages
that a user installs go there, may be other versions than the environment's (which they hide and never
replace), and stay when the environment is upgraded or is read-only. The server itself never runs in it.

Prints one line when packages that were installed for another Python version can no longer be seen.
"""

import os
import site
import sys
import sysconfig
import venv

LAYER = "spin-environment.pth"
MARK = "# Made by spin-runtime: runs the environment's command with the packages of this one."


def make(folder, python):
    """Makes or renews the virtual environment unless it is one of this very Python."""
    current = f"home = {os.path.dirname(sys._base_executable)}"
    try:
        with open(os.path.join(folder, "pyvenv.cfg"), encoding="utf-8") as file:
            fresh = current in file.read().splitlines() and os.access(python, os.X_OK)
    except FileNotFoundError:
        fresh = False
    if not fresh:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)


def layer(packages):
    """Puts the environment's packages behind the folder's own; their `.pth` files count too."""
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages() if os.path.isdir(path)]
    write(os.path.join(packages, LAYER), "\n".join(lines) + "\n", 0o644)


def wrap(binaries):
    """Gives every Python command of the environment (pip, jupyter, ipython …) the folder's packages."""
    source = os.path.join(sys.prefix, "bin")
    for name in os.listdir(source):
        target = os.path.join(source, name)
        wrapper = os.path.join(binaries, name)
        if is_python_script(target) and (not os.path.lexists(wrapper) or is_ours(wrapper)):
            write(
                wrapper,
                f'#!/bin/sh\n{MARK}\nexec "$(dirname -- "$0")/python3" {quote(target)} "$@"\n',
                0o755,
            )
    for name in os.listdir(binaries):
        if not os.path.exists(os.path.join(source, name)) and is_ours(os.path.join(binaries, name)):
            os.unlink(os.path.join(binaries, name))


def is_python_script(path):
    try:
        with open(path, "rb") as file:
            start = file.read(300)
    except OSError:
        return False
    # pip writes `#!/bin/sh` and an exec line where the interpreter's path is too long for a `#!` line.
    return start.startswith(b"#!") and b"python" in b"".join(start.splitlines()[:2])


def is_ours(path):
    try:
        with open(path, encoding="utf-8") as file:
            return MARK in file.read(300)
    except (OSError, UnicodeDecodeError):
        return False


def quote(text):
    return "'" + text.replace("'", "'\"'\"'") + "'"


def write(path, content, mode):
    """Replaces a file in one step, so that a kernel that starts meanwhile sees the old one or the new."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(f"{path}.new", mode)
    os.replace(f"{path}.new", path)


def other_versions(packages):
    library = os.path.dirname(os.path.dirname(packages))
    for name in sorted(os.listdir(library)):
        old = os.path.join(library, name, "site-packages")
        if old != packages and os.path.isdir(old) and any(entry.endswith(".dist-info") for entry in os.listdir(old)):
            yield name


def main(folder):
    python = os.path.join(folder, "bin", "python3")
    make(folder, python)
    packages = sysconfig.get_path("purelib", "venv", {"base": folder, "platbase": folder})
    layer(packages)
    wrap(os.path.join(folder, "bin"))
    for name in other_versions(packages):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        print(f"Packages that were installed for {name} cannot be used by Python {version}: install them again.")


main(sys.argv[1])
