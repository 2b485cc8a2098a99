"""A list, a form with an upload, a page, two downloads, and an error."""

import csv

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from .models import Cask


class CaskForm(forms.ModelForm):
    class Meta:
        model = Cask
        fields = ["name", "litres", "filled", "label"]
        widgets = {"filled": forms.DateInput(attrs={"type": "date"})}


@require_safe
def casks(request):
    # Counted in the session, and so stored by one request and read by the next, wherever that is answered.
    visits = request.session["visits"] = request.session.get("visits", 0) + 1
    return render(request, "casks/list.html", {"casks": Cask.objects.all(), "visits": visits})


@login_required
def new_cask(request):
    form = CaskForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        made = form.save()
        messages.success(request, f"{made} is in the warehouse.")
        return redirect(made)
    return render(request, "casks/new.html", {"form": form})


@require_safe
def cask(request, number):
    return render(request, "casks/cask.html", {"cask": get_object_or_404(Cask, pk=number)})


@require_safe
def label(request, number):
    """The uploaded file, sent by the server's own way of sending files."""
    found = get_object_or_404(Cask, pk=number)
    if not found.label:
        raise Http404("This cask has no label.")
    return FileResponse(found.label.open("rb"), as_attachment=True)


@require_safe
def export(request):
    """Streams the table while it is read."""
    writer = csv.writer(Echo())
    rows = Cask.objects.values_list("name", "litres", "filled").iterator(chunk_size=500)

    def lines():
        yield writer.writerow(["name", "litres", "filled"])
        for row in rows:
            yield writer.writerow(row)

    headers = {"Content-Disposition": "attachment; filename=casks.csv"}
    return StreamingHttpResponse(lines(), content_type="text/csv", headers=headers)


def fail(request):
    raise RuntimeError("this page fails on purpose")


class Echo:
    """A file for csv.writer that hands every line back."""

    def write(self, line):
        return line
