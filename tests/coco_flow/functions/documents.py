"""Small documents of every kind, made for tests."""

from __future__ import annotations

import io
from collections.abc import Sequence


def pdf(pages: Sequence[Sequence[tuple[float, float, str, int, str]]]) -> bytes:
    """Return a PDF whose pages have texts at (x, y), in regular or bold, of a size.

    Args:
        pages: For each page (x, y, "regular" or "bold", size, text).
    """
    fonts = {"regular": "F1", "bold": "F2"}
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects += [
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
        for name in ("Helvetica", "Helvetica-Bold")
    ]
    kids = []
    for texts in pages:
        lines = []
        for x, y, font, size, text in texts:
            escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            lines.append(f"BT /{fonts[font]} {size} Tf {x} {y} Td ({escaped}) Tj ET")
        content = "\n".join(lines).encode("cp1252")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode()
        )
        kids.append(len(objects))
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<< /Type /Pages /Kids [{listed}] /Count {len(kids)} >>".encode()
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for offset in offsets:
        out.write(b"%010d 00000 n \n" % offset)
    out.write(
        b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    )
    return out.getvalue()


def report_pdf() -> bytes:
    """Return two pages with a title, headings, paragraphs, a list and a cut word."""
    return pdf(
        [
            [
                (72, 720, "bold", 24, "Annual Report"),
                (
                    72,
                    690,
                    "regular",
                    11,
                    "The company sold more machines than ever before, and its",
                ),
                (72, 677, "regular", 11, "profit grew by a third. Most of it came from transfor-"),
                (
                    72,
                    664,
                    "regular",
                    11,
                    "mers, of which there are many. Every transformer counts.",
                ),
                (72, 635, "regular", 11, "A second paragraph begins after a gap."),
                (72, 605, "bold", 16, "Sales"),
                (72, 585, "regular", 11, "• Machines"),
                (72, 572, "regular", 11, "• Spare parts"),
            ],
            [
                (72, 720, "bold", 11, "1.1 Outlook"),
                (
                    72,
                    700,
                    "regular",
                    11,
                    "# 1 in the market, the company looks ahead without fear.",
                ),
            ],
        ]
    )


def report_docx() -> bytes:
    """Return a Word file with headings, emphasis, a link, lists and a table."""
    import docx
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    document = docx.Document()
    document.add_heading("Annual Report", 0)
    document.add_heading("Sales", 1)
    paragraph = document.add_paragraph("Sold ")
    paragraph.add_run("many").bold = True
    paragraph.add_run(" machines, ")
    paragraph.add_run("really ").italic = True
    link = OxmlElement("w:hyperlink")
    relation = document.part.relate_to(
        "https://example.com/",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink",
        is_external=True,
    )
    link.set(qn("r:id"), relation)
    run = OxmlElement("w:r")
    text = OxmlElement("w:t")
    text.text = "see here"
    run.append(text)
    link.append(run)
    paragraph._p.append(link)
    document.add_paragraph("Machines", style="List Bullet")
    document.add_paragraph("Large ones", style="List Bullet 2")
    document.add_paragraph("First", style="List Number")
    document.add_paragraph("")
    table = document.add_table(3, 2)
    for row, texts in zip(
        table.rows, [("Year", "Sales"), ("2030", "1|2"), ("both", "")], strict=True
    ):
        for cell, value in zip(row.cells, texts, strict=True):
            cell.text = value
    table.rows[2].cells[0].merge(table.rows[2].cells[1])
    document.add_heading("Outlook", 2)
    document.add_paragraph("No fear.")
    return saved(document)


def slides_pptx() -> bytes:
    """Return slides with a list, a table, a chart, a group, a picture and notes."""
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Road map"
    frame = slide.placeholders[1].text_frame
    frame.text = "Ship the index"
    deeper = frame.add_paragraph()
    deeper.text, deeper.level = "with filters", 1
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    inches = Inches(1)
    table = slide.shapes.add_table(2, 2, inches, inches, inches, inches).table
    for (row, column), value in {(0, 0): "A", (0, 1): "B", (1, 0): "1", (1, 1): "2"}.items():
        table.cell(row, column).text = value
    data = CategoryChartData()
    data.categories = ["East", "West"]
    data.add_series("Sales", (1.5, 2))
    kind = XL_CHART_TYPE.COLUMN_CLUSTERED
    chart = slide.shapes.add_chart(kind, inches, inches, inches, inches, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "By region"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(inches, inches, inches, inches).text_frame.text = "In a group"
    picture = slide.shapes.add_picture(io.BytesIO(image_png()), inches, inches)
    picture._element.xpath(".//p:cNvPr")[0].set("descr", "A red square")
    return saved(presentation)


def sheets_xlsx() -> bytes:
    """Return a workbook with dates, numbers, empty rows and columns, and an empty sheet."""
    import datetime

    import openpyxl

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "Sales"
    sheet["B2"], sheet["C2"] = "Day", "Amount"
    sheet["B4"], sheet["C4"] = datetime.datetime(2031, 5, 17), 0.1 + 0.2  # noqa: DTZ001
    sheet["B5"], sheet["C5"] = datetime.datetime(2031, 5, 17, 12, 30), True  # noqa: DTZ001
    workbook.create_sheet("Empty")
    return saved(workbook)


def image_png() -> bytes:
    """Return a red square of 8 by 8 pixels."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return out.getvalue()


def saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()
