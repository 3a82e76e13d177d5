"""The parts of a set-up: where it lies, how much it takes, which Python, what its failures mean."""

import errno
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sjc_blender.addon.environment import disk_space
from sjc_blender.addon.environment.environment_setup import EnvironmentSetup
from sjc_blender.addon.environment.installer_settings import (
    InstallerSettings,
    from_pip_list,
    from_uv_files,
    from_variables,
    installer_environment,
)
from sjc_blender.addon.environment.local_wheels import TorchWheel, torch_wheels
from sjc_blender.addon.environment.setup_errors import told_os_error, told_output
from sjc_blender.addon.environment.setup_request import SetupRequest, from_argument
from sjc_blender.addon.process.environment_place import environment_place, requirements_file, use_folder
from sjc_blender.addon.process.marker import read_marker, requirements_hash
from sjc_blender.addon.process.platform_process import program_in, user_data_folder
from sjc_blender.protocol.errors import SjcError

ROOT, LOG = Path("/data/sjc_engine"), Path("/data/sjc_engine/setup.log")


def test_it_lies_in_the_users_own_folder_on_every_system(monkeypatch):
    monkeypatch.setenv("HOME", "/home/jo")
    assert user_data_folder({}, "linux") == Path("/home/jo/.local/share")
    assert user_data_folder({"XDG_DATA_HOME": "/mnt/data"}, "linux") == Path("/mnt/data")
    assert user_data_folder({"XDG_DATA_HOME": "relative"}, "linux") == Path("/home/jo/.local/share")
    assert user_data_folder({}, "darwin") == Path("/home/jo/Library/Application Support")
    assert user_data_folder({"LOCALAPPDATA": "C:/Users/jo/AppData/Local"}, "win32") == Path("C:/Users/jo/AppData/Local")
    assert program_in(Path("tools"), "uv", "win32") == Path("tools/Scripts/uv.exe")


def test_the_preferences_may_move_it(tmp_path):
    use_folder(str(tmp_path / "große Platte"))
    assert environment_place().root == tmp_path / "große Platte" / "sjc_engine"
    use_folder("")
    assert tmp_path / "große Platte" not in environment_place().root.parents


def test_the_lists_of_packages_come_with_the_add_on():
    assert "\ndiffusers==" in requirements_file("engine.txt").read_text()
    assert "\ntorch==" in requirements_file("torch.txt").read_text()
    assert "\nuv==" in requirements_file("tools.txt").read_text()


def test_only_other_packages_make_an_environment_old(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("# old words\ntorch==2.13.0\n")
    two.write_bytes(b"# new words\r\n\r\ntorch==2.13.0\r\n")
    assert requirements_hash(one) == requirements_hash(two)
    two.write_text("torch==2.14.0\n")
    assert requirements_hash(one) != requirements_hash(two)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"requirements": 1}'])
def test_a_marker_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "engine.json").write_text(text)
    assert read_marker(tmp_path / "engine.json") is None


def test_a_request_survives_the_command_line(tmp_path):
    request = SetupRequest("set_up", "C:\\Müller & Söhne\\'x' \"y\"", wheelhouse=str(tmp_path))
    assert from_argument(request.to_argument()) == request


def wheel_folder(tmp_path, *names, size=0) -> str:
    for name in names:
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    return str(tmp_path)


def test_a_build_of_torch_in_a_folder_is_seen(tmp_path):
    folder = wheel_folder(tmp_path, "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl", "torchvision-1-cp311-cp311-x.whl")
    assert torch_wheels([folder, "https://example.org/wheels", ""]) == [TorchWheel((3, 11), True)]


def test_what_pip_is_told_holds_for_uv_too():
    links = from_variables({"PIP_FIND_LINKS": "/wheels https://example.org/w"}).variables()["UV_FIND_LINKS"]
    assert links == "/wheels,https://example.org/w"
    assert from_variables({"PIP_FIND_LINKS": "/wheels", "UV_FIND_LINKS": "/uv"}).links == ("/uv",)
    assert from_variables({}) == InstallerSettings()


def test_the_way_to_the_packages_is_kept_and_nothing_else():
    environ = {
        "PIP_INDEX_URL": "https://mirror/simple",
        "PIP_CERT": "/ca.pem",
        "PIP_TARGET": "/elsewhere",
        "UV_OFFLINE": "1",
        "UV_INDEX": "more=https://more/simple",
        "UV_INDEX_MORE_PASSWORD": "secret",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONHOME": "/other",
        "VIRTUAL_ENV": "/mine",
        "PATH": "/bin",
    }
    settings = from_variables(environ)
    assert installer_environment(environ) == {
        "UV_INDEX_MORE_PASSWORD": "secret",
        "HTTPS_PROXY": "http://proxy",
        "PATH": "/bin",
    }
    assert settings.variables() == {
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_INDEX": "more=https://more/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/ca.pem",
    }
    assert settings.pip_options() == [
        *("--index-url", "https://mirror/simple", "--cert", "/ca.pem"),
        *("--extra-index-url", "https://more/simple"),
    ]


def test_it_is_kept_from_the_files_of_pip_and_uv_too(tmp_path):
    said = "global.index-url='https://mirror/simple'\ninstall.trusted-host='a b'\nfreeze.proxy='no'\n:env:.cert='no'\nx"
    assert from_pip_list(said) == InstallerSettings(index="https://mirror/simple", trusted=("a", "b"))
    assert from_pip_list("global.cert=__import__('os')\nglobal.proxy=7") == InstallerSettings()
    (tmp_path / "uv").mkdir()
    file = tmp_path / "uv" / "uv.toml"
    file.write_text(
        'offline = true\nextra-index-url = ["https://b/simple"]\n[pip]\nindex-url = "https://ignored/simple"\n'
        '[[index]]\nurl = "https://a/simple"\ndefault = true\n[[index]]\nurl = "https://c/simple"\n'
    )
    found = from_uv_files({"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": "/nowhere"}, "linux")
    assert (found.index, found.extra_indexes) == ("https://a/simple", ("https://c/simple", "https://b/simple"))
    for broken in ("[[index", "index = 7", "extra-index-url = 7", "find-links = [1, 2]", "[" * 5000):
        file.write_text(broken)
        assert from_uv_files({"UV_CONFIG_FILE": str(file)}, "linux") == InstallerSettings()


def make_setup(tmp_path, environ=(), **request) -> EnvironmentSetup:
    made = SetupRequest("set_up", str(tmp_path / "engine"), **request)
    return EnvironmentSetup(made, lambda _stage: None, lambda: False, dict(environ))


def test_the_python_is_the_one_that_a_build_of_torch_is_for_else_the_running_one(tmp_path):
    assert make_setup(tmp_path)._fitting_python() == sys.executable
    other = wheel_folder(tmp_path, "torch-2.13.0-cp312-cp312-x.whl", "torch-2.13.0-cp310-cp310-x.whl")
    assert make_setup(tmp_path, {"PIP_FIND_LINKS": other})._fitting_python() == "3.12"
    own = f"torch-2.13.0-cp3{sys.version_info[1]}-x.whl"
    assert make_setup(tmp_path, wheelhouse=wheel_folder(tmp_path, own))._fitting_python() == sys.executable


def test_a_graphics_card_takes_more_room(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("")
    program.chmod(0o755)
    with_card, without = {"PATH": str(tmp_path)}, {"PATH": str(tmp_path / "none")}
    assert disk_space.needed_bytes([], "auto", without, "linux") == disk_space.CPU_BYTES
    assert disk_space.needed_bytes([], "auto", with_card, "linux") == disk_space.GPU_BYTES
    assert disk_space.needed_bytes([], "cpu", with_card, "linux") == disk_space.CPU_BYTES
    assert disk_space.needed_bytes([], "auto", with_card, "darwin") == disk_space.CPU_BYTES
    assert disk_space.needed_bytes([TorchWheel((3, 11), True)], "auto", with_card, "linux") == disk_space.CPU_BYTES


def test_a_full_disk_is_told_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_200_000_000))
    with pytest.raises(SjcError) as caught:
        make_setup(tmp_path, {"PATH": ""}).run()
    assert caught.value.code == "disk_full"
    assert "2.0 GB more" in caught.value.message and "1.2 GB are free" in caught.value.message
    assert not (tmp_path / "engine").exists()


SAID = [
    ("error: Failed to write: No space left on device (os error 28)", "disk_full", "Free some space"),
    ("OSError: [Errno 28] No space left on device", "disk_full", "Free some space"),
    ("error: failed to remove file `c10.dll`: Access is denied. (os error 5)", "folder_not_writable", "virus scanner"),
    ("cause: The process cannot access the file because it is being used by another process. (os error 32)",
     "file_locked", "virus scanner"),
    ("error: Failed to fetch: https://pypi.org/simple/torch/\n cause: dns error", "no_network", "wheelhouse"),
    ("cause: tcp connect error\n cause: Connection refused (os error 111)", "no_network", "internet connection"),
    ("NewConnectionError: Failed to establish a new connection", "no_network", "internet connection"),
    ("407 Proxy Authentication Required", "proxy_refused", "HTTPS_PROXY"),
    ("cause: invalid peer certificate: UnknownIssuer", "certificate_refused", "SSL_CERT_FILE"),
    ("SSLError(SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED)", "certificate_refused", "SSL_CERT_FILE"),
    ("error: Hash mismatch for `torch==2.13.0`", "download_corrupt", "fetched anew"),
    ("HTTP status server error (503 Service Unavailable) for url (https://pypi.org/simple/)", "download_refused",
     "wait some minutes"),
    ("/usr/bin/python3: No module named venv", "no_installer_base", "python3-venv"),
    ("error: No solution found when resolving dependencies\n  cause: torch has no wheels with a matching platform",
     "packages_unavailable", "Apple silicon"),
    ("error: No interpreter found for Python 3.13", "no_fitting_python", "online access"),
    ("Segmentation fault", "setup_failed", "setup.log"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "code", "hint"), SAID)
def test_failures_are_told_with_what_to_do(said, code, hint):
    told = told_output(said, ROOT, LOG)
    assert told.code == code
    assert hint in told.hint
    assert "{" not in str(told)


def test_the_server_is_named():
    assert "connection to pypi.org" in told_output(SAID[4][0], ROOT, LOG).message


def test_a_folder_of_packages_that_lacks_some_is_told_which(tmp_path):
    said = "error: No solution found\n  cause: Because scipy was not found in the provided package locations."
    told = told_output(said, ROOT, LOG, wheelhouse=True)
    assert told.code == "wheelhouse_incomplete"
    assert "scipy" in told.message and "pip download" in told.hint


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "disk_full"), (errno.EACCES, "folder_not_writable")])
def test_errors_of_the_file_system_are_told(number, code):
    told = told_os_error(OSError(number, os.strerror(number), "/data/x"), ROOT)
    assert told.code == code
