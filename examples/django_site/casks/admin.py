from django.contrib import admin

from .models import Cask


@admin.register(Cask)
class CaskAdmin(admin.ModelAdmin):
    list_display = ["name", "litres", "filled"]
    search_fields = ["name"]
    date_hierarchy = "filled"
