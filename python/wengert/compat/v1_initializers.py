"""Initial values of variables (`tf.compat.v1.initializers`)."""

from __future__ import annotations

from wengert._initializers import Constant as constant
from wengert._initializers import GlorotNormal as glorot_normal
from wengert._initializers import GlorotUniform as glorot_uniform
from wengert._initializers import Identity as identity
from wengert._initializers import Ones as ones
from wengert._initializers import Orthogonal as orthogonal
from wengert._initializers import RandomNormal as random_normal
from wengert._initializers import RandomUniform as random_uniform
from wengert._initializers import TruncatedNormal as truncated_normal
from wengert._initializers import UniformUnitScaling as uniform_unit_scaling
from wengert._initializers import VarianceScaling as variance_scaling
from wengert._initializers import Zeros as zeros
from wengert._initializers import he_normal, he_uniform, lecun_normal, lecun_uniform
from wengert.compat.v1 import global_variables_initializer as global_variables
from wengert.compat.v1 import local_variables_initializer as local_variables
from wengert.compat.v1 import variables_initializer as variables
