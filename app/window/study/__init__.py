"""Study mode in the window: participant, checklist, baseline, run sheet, markers, links."""
