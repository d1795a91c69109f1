"""What a report's declaration asks of its provider, whatever its source is."""

from usage_ledger.model import HttpPages, Listing, Objects, Paging, QueryJob, Report, Request
from usage_ledger.reading import declared

OBJECTS = "/objects"


def request_of(report: Report) -> Request:
    """The request for rows; objects are not requested over HTTP, and stand as one of the path `/objects`."""
    match report.source:
        case HttpPages(request=request) | QueryJob(request=request):
            return request
        case Objects():
            return Request(OBJECTS)


def fans_out_over(report: Report) -> object:
    """What the report is asked for once for each of; None where it is asked for once."""
    return report.source.per if isinstance(report.source, HttpPages) else None


def lists_of(report: Report) -> list[Listing]:
    """The list for whose things the report is asked for, and the one that ids are looked up in."""
    of_http = report.source if isinstance(report.source, HttpPages) else None
    both = (of_http.per, of_http.lookup) if of_http else ()
    return [one for one in both if isinstance(one, Listing)]


def paging_of(report: Report) -> Paging | None:
    """How a page of rows leads to the next one."""
    return declared.paging_of(report.source)
