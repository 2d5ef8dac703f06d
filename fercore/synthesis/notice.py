"""The licence of the face model, which everything made from it must carry."""

from __future__ import annotations

ICT_NOTICE = """\
The faces in this folder are synthetic. No person was recorded. They were computed with the
morphable face model of ICT-FaceKit, whose licence is:

MIT License

Copyright (c) 2020 USC Institute for Creative Technologies

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

MAKEHUMAN_NOTICE = """\
The faces in this folder are synthetic. No person was recorded. They were computed with the
head of MakeHuman (https://github.com/makehumancommunity/makehuman): base mesh, targets, face
units and skin textures, which the MakeHuman team released under CC0 1.0 Universal
(https://creativecommons.org/publicdomain/zero/1.0/): to the extent possible under law, they
have waived all copyright and related or neighbouring rights to these assets.
"""

SKINS_NOTICE = """\
Some of the skins are textures of MakeHuman (https://github.com/makehumancommunity/makehuman),
released under CC0 1.0 Universal (https://creativecommons.org/publicdomain/zero/1.0/).
"""
