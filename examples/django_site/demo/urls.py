"""The pages of the site."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from casks import views

urlpatterns = [
    path("", views.casks, name="casks"),
    path("casks/new/", views.new_cask, name="new-cask"),
    path("casks/<int:number>/", views.cask, name="cask"),
    path("casks/<int:number>/label/", views.label, name="label"),
    path("casks.csv", views.export, name="export"),
    path("fail/", views.fail, name="fail"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
