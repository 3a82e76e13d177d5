# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the built-in text-to-image prior from procedural objects.

Nothing in this package ships with the add-on: it makes the folder
``sjc_blender/models/builtin`` and can be run again from nothing with
``python -m training all``.

Conventions: the domain is ``[-1, 1]^3`` with Z up, an object's front faces
-Y, and a camera at azimuth ``a``, elevation ``e`` and distance ``r`` stands
at ``r (cos e sin a, -cos e cos a, sin e)`` and looks at the origin.
"""
