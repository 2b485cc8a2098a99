from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Cask",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, unique=True)),
                ("litres", models.PositiveIntegerField()),
                ("filled", models.DateField()),
                ("label", models.FileField(blank=True, upload_to="labels")),
            ],
            options={"ordering": ["filled", "name"]},
        ),
    ]
