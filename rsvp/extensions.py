"""Extensions: the handles that modules share, without logic."""

from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate
from flask_security.core import Security
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from rsvp.db import Base
from rsvp.mailer.connection import Mail

db = SQLAlchemy(model_class=Base, session_options={"autoflush": True})
migrate = Migrate(render_as_batch=True)
mail = Mail()
csrf = CSRFProtect()
security = Security()
babel = Babel()
limiter = Limiter(key_func=get_remote_address)
