# mypy: ignore-errors
"""Oscar's own pages, and its catalogue once more without its search engine: the fair best case."""

from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.urls import include, path
from django.views.generic import ListView
from oscar.core.loading import get_model


class Hit(NamedTuple):
    """What its template expects of a search engine."""

    object: Any


class Plain(ListView):
    """The newest products by one query, in Oscar's own template."""

    template_name = "oscar/catalogue/browse.html"
    context_object_name = "products"
    paginate_by = 24

    def get_queryset(self) -> QuerySet:
        return get_model("catalogue", "Product").objects.browsable().base_queryset()

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        context = super().get_context_data(**more)
        return context | {"products": [Hit(product) for product in context["products"]]}


urlpatterns = [
    path("plain/", Plain.as_view()),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
