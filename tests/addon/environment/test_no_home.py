"""A user without a home folder can use everything that does not need one."""

import os
import pwd
import sys
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon.environment.engine_keeper import EngineKeeper
from sjc_blender.addon.environment.setup_request import SetupRequest
from sjc_blender.addon.models import model_actions
from sjc_blender.addon.process.environment_place import EnvironmentPlace, environment_place
from sjc_blender.addon.results.placement import remember_folder
from sjc_blender.addon.ui.environment import report_operator
from sjc_blender.protocol import home
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import local_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there the system always names one")


@pytest.fixture
def homeless(monkeypatch):
    """Be a user of whom neither the environment nor the system knows a home folder."""

    def unknown(_uid):
        raise KeyError("no such user")

    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "SJC_MODELS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(RuntimeError):
        Path.home()


def test_there_is_none(homeless, monkeypatch):
    assert home.home_folder() is None
    assert home.expanded("~/models") == Path("~/models")
    assert local_model("~/no such model") is None
    assert local_model("owner/name") is None
    monkeypatch.setenv("HOME", "/home/jo")
    assert home.home_folder() == Path("/home/jo")
    assert home.expanded("~/models") == Path("/home/jo/models")


def test_the_engines_place_is_nowhere_and_the_set_up_says_so(homeless, tmp_path):
    place = environment_place({})
    assert not place.known
    assert not place.started
    with pytest.raises(SjcError, match="no home folder") as caught:
        EngineKeeper().start(SetupRequest("set_up", str(place.root)), online=False)
    assert caught.value.code == "no_home_folder"
    assert environment_place({"XDG_DATA_HOME": str(tmp_path)}) == EnvironmentPlace(tmp_path / "sjc_engine")
    assert environment_place({"XDG_DATA_HOME": str(tmp_path)}).known
    assert not os.path.lexists("~")


def test_models_are_listed_where_the_add_ons_user_folder_cannot_be_made(homeless, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(bpy.utils, "user_resource", lambda *_arguments, **_options: str(tmp_path / "file" / "sjc"))
    monkeypatch.setattr(model_actions, "base_package", "sjc_blender")  # not an extension's
    assert model_actions._log_path() == Path(bpy.app.tempdir) / "models.log"
    monkeypatch.setattr(bpy.utils, "user_resource", lambda *_arguments, **_options: str(tmp_path / "data"))
    assert model_actions._log_path() == tmp_path / "data" / "models.log"


def test_a_result_is_placed_and_a_fault_is_reported(homeless, scene, tmp_path):
    obj = bpy.data.objects.new("result", None)
    remember_folder(obj, tmp_path / "sjc_jobs" / "job", str(tmp_path / "scene.blend"))
    assert obj["sjc_folder"] == "//sjc_jobs/job"
    assert report_operator._folders()
