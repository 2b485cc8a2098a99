"""The casks in the warehouse."""

from django.db import models
from django.urls import reverse


class Cask(models.Model):
    name = models.CharField(max_length=80, unique=True)
    litres = models.PositiveIntegerField()
    filled = models.DateField()
    label = models.FileField(upload_to="labels", blank=True)

    class Meta:
        ordering = ["filled", "name"]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("cask", args=[self.pk])
