"""Breaks the product on purpose, a law at a time, and asks whether any test notices: `make mutants`.

Each break is made in a copy of the project; the tests that guard the law must pass there before it and fail after it.
Writes `docs/mutants.json`, and the table in `docs/reliability.md`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs" / "mutants.json"
PAGE = ROOT / "docs" / "reliability.md"
MARKS = ("<!-- mutants -->\n", "<!-- /mutants -->")


@dataclass(frozen=True)
class Mutant:
    """A break: what it takes away, its edits (file, text, other text), and the tests that must notice."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    tests: str
    """What pytest selects by name."""


MUTANTS = (
    Mutant(
        "a bill may differ by one in twenty",
        (("include/sql/marts/35_reconciliation_lines.sql", "ELSE 0.000000001 END", "ELSE 0.05 END"),),
        "test_a_fault_is_named",
    ),
    Mutant(
        "the quantity of a line is not compared",
        (
            (
                "include/sql/marts/35_reconciliation_lines.sql",
                "line_count > 0 AND billed <> metered AND has_use AS differs",
                "false AS differs",
            ),
        ),
        "test_a_fault_is_named",
    ),
    Mutant(
        "use in days of another zone is compared exactly",
        (("include/sql/marts/36_day_verdicts.sql", "WHEN day.other_zone AND place = 1", "WHEN false AND place = 1"),),
        "test_a_bill_within_the_use_of_three_local_days_is_no_alarm",
    ),
    Mutant(
        "a difference is an event at every look",
        (("usage_ledger/money/verdict.py", "if any(first <= day <= last for day in noted):", "if False:"),),
        "test_a_difference_is_one_event_that_closes_when_it_ends",
    ),
    Mutant(
        "a corrected price changes days before its date",
        (("usage_ledger/money/contract_prices.py", "        valid_from=first,\n", "        valid_from=date.min,\n"),),
        "test_a_price_of_a_past_date_changes_its_days_only_and_what_was_said_stays",
    ),
    Mutant(
        "what rounding leaves of a bill line is lost",
        (
            (
                "include/sql/marts/40_allocated_cost.sql",
                "CASE WHEN largest THEN amount - sum(share) OVER line + share ELSE share END AS amount\n        FROM s",
                "share AS amount\n        FROM s",
            ),
        ),
        "test_parts_add_up_to_the_bill_exactly",
    ),
    Mutant(
        "a bill that changed keeps the team costs of the one before",
        (("include/sql/marts/41_daily_cost_by_team.sql", "WHERE due.cause = 'bill' AND due", "WHERE false AND due"),),
        "test_a_load_waits_for_no_recording_and_what_it_brings_meanwhile_stays_due",
    ),
    Mutant(
        "a list that is not UTF-8 ends in a traceback",
        (("usage_ledger/json/document.py", ", UnicodeDecodeError", ""),),
        "test_a_list_that_is_no_utf_8_is_a_broken_answer",
    ),
    Mutant(
        "a part of an account is not proved",
        (("usage_ledger/sources/account.py", "        _require_parts(connection, things)\n", ""),),
        "test_a_tenant_or_subscription_of_others_is_noticed_before_anything_is_landed",
    ),
    Mutant(
        "an answer may leave out what was asked for",
        (("usage_ledger/reading/marks.py", "        if lacking:", "        if not answered and lacking:"),),
        "test_a_page_that_leaves_out_what_was_asked_for_is_asked_for_again",
    ),
    Mutant(
        "a list of names may have one twice",
        (
            (
                "usage_ledger/reading/reshape.py",
                "names = [msgspec.json.decode(_at(item, declared.name), type=str).lower() for item in items]\n"
                "    if len(set(names)) != len(names):",
                "names = [msgspec.json.decode(_at(item, declared.name), type=str).lower() for item in items]\n"
                "    if False:",
            ),
        ),
        "test_a_page_of_another_shape_is_refused",
    ),
    Mutant(
        "names are asked for that are not offered",
        (
            (
                "usage_ledger/sources/listing.py",
                "for name in selection.names if name in names]",
                "for name in selection.names]",
            ),
        ),
        "test_a_day_of_forty_deployments_in_three_accounts_takes_at_most_24_requests",
    ),
    Mutant(
        "an absent list of a table is an empty one",
        (
            (
                "usage_ledger/reading/reshape.py",
                "    if optional:\n        return Raw",
                "    if True:\n        return Raw",
            ),
        ),
        "test_a_list_that_is_absent_is_no_empty_one_unless_its_vendor_leaves_it_out",
    ),
    Mutant(
        "a thing of a batch without an answer",
        (
            (
                "usage_ledger/sources/batches.py",
                "        if self._missing:\n            count",
                "        if False:\n            count",
            ),
        ),
        "test_an_answer_that_is_not_whole_or_not_true_loads_nothing",
    ),
    Mutant(
        "things that a list forgot are not asked for",
        (("usage_ledger/sources/http_pages.py", "if declared and window", "if False and window"),),
        "test_a_window_older_than_the_list_holds_models_at_rest_and_loses_none",
    ),
    Mutant(
        "rows of things that no batch asked for are deleted",
        (("usage_ledger/reading/things.py", "return batch.thing", "return ()"),),
        "test_a_window_older_than_the_list_holds_models_at_rest_and_loses_none",
    ),
    Mutant(
        "a model of one region taken for that of another",
        (("usage_ledger/reading/things.py", "return batch.thing", 'return ("model",)'),),
        "test_a_model_that_is_listed_in_one_region_alone",
    ),
    Mutant(
        "rows of an account that is no longer listed are deleted",
        (("usage_ledger/reading/things.py", "case HttpPages(per=Catalogue(", "case HttpPages(lookup=Catalogue("),),
        "test_what_an_account_used_stays",
    ),
    Mutant(
        "a figure under two names is read twice",
        (("usage_ledger/reading/where.py", "if not name or figure not in first]", "]"),),
        "test_tokens_under_both_names_count_once",
    ),
    Mutant(
        "a page that may not be read is asked for again",
        (("usage_ledger/reading/marks.py", "mark.forbidden is not None and", "False and"),),
        "test_an_answer_that_is_not_whole_or_not_true_loads_nothing",
    ),
    Mutant(
        "an error does not say for which region",
        (("usage_ledger/core/errors.py", "self.labels = self.labels or labels or {}", "self.labels = {}"),),
        "test_what_a_person_must_do_is_said",
    ),
    Mutant(
        "a word for too many requests is no reason to wait",
        (
            ("usage_ledger/http/error_mapping.py", 'refusal.meaning == "throttled"', 'refusal.meaning == "never"'),
            (
                "usage_ledger/http/error_mapping.py",
                '"throttled": provider_errors.RateLimited',
                '"throttled": provider_errors.BadRequest',
            ),
        ),
        "test_every_word_for_too_many_requests_is_waited_for",
    ),
    Mutant(
        "XML that declares entities is read",
        (("usage_ledger/http/xml_body.py", ' or b"<!" in body', ""),),
        "test_anything_else_stays_as_it_is",
    ),
    Mutant(
        "a meter reads every row",
        (("usage_ledger/reading/metered.py", "meter, Meter) or meter.where is None:", "meter, Meter) or True:"),),
        "test_points_of_several_metrics_become_one_row",
    ),
    Mutant(
        "two meters of a column are not compared",
        (
            (
                "usage_ledger/reading/metered.py",
                "    if (number := pc.index(both, True).as_py()) >= 0:",
                "    if number := 0:",
            ),
        ),
        "test_two_meters_of_a_column_read_rows_of_their_own",
    ),
    Mutant(
        "rows of another kind are read",
        (
            (
                "usage_ledger/reading/where.py",
                "    if where is None:\n        return rows",
                "    if True:\n        return rows",
            ),
        ),
        "test_rows_of_another_kind_are_known",
    ),
    Mutant(
        "a broken row of another kind fails its date",
        (("usage_ledger/reading/salvage.py", "own_rows(rows, {}) if has_kind", "rows if has_kind"),),
        "test_a_value_of_another_type_fails_the_date_only_of_a_row_of_its_kind",
    ),
    Mutant(
        "a point off the steps of its date",
        (("usage_ledger/reading/days.py", "    if (start - begins) % point.step or", "    if"),),
        "test_a_point_outside_of_the_window_or_off_the_steps",
    ),
    Mutant(
        "a point at midnight belongs to the next date",
        (("usage_ledger/reading/days.py", 'at - point.step if point.edge == "end" else at', "at"),),
        "test_an_instant_at_the_end_of_its_step",
    ),
    Mutant(
        "an instant that is written in two ways counts twice",
        (("usage_ledger/reading/facts.py", "instants.cast(pa.int64()).to_numpy().tolist()", "range(len(instants))"),),
        "test_two_points_of_one_metric_and_instant",
    ),
    Mutant(
        "a count with a fraction is cut",
        (
            (
                "usage_ledger/core/numbers.py",
                "    if exact and fitted != value:\n        raise contract_errors.Fr",
                "    if False:\n        raise contract_errors.Fr",
            ),
        ),
        "test_decimals_in_a_whole_column",
    ),
    Mutant(
        "a parsed column is part of the identity",
        (("usage_ledger/reading/texts.py", "isinstance(one, Lookup | Derived)", "isinstance(one, Lookup)"),),
        "test_a_derived_column_is_parsed",
    ),
    Mutant(
        "marks of a large answer's lists ignored",
        (("usage_ledger/reading/marks.py", "isinstance(page.body, Packed) and", "False and"),),
        "test_every_element_of_a_list_has_its_marks",
    ),
    Mutant(
        "a part of an answer is taken as its end",
        (("usage_ledger/reading/marks.py", "mark.while_more is None or not names_next(paging, page)", "False"),),
        "test_every_element_of_a_list_has_its_marks",
    ),
    Mutant(
        "a list in parts is counted part by part",
        (("usage_ledger/reading/marks.py", "before = 0 if rest else lengths[mark]", "before = 0"),),
        "test_a_list_that_comes_in_parts_is_counted_whole",
    ),
    Mutant(
        "a page without its mark is whole",
        (("usage_ledger/reading/marks.py", "    for mark in unseen:\n", "    for mark in ():\n"),),
        "test_every_element_of_a_list_has_its_marks",
    ),
    Mutant(
        "an answer about another time is taken",
        (("usage_ledger/reading/marks.py", "        if not _is_echo(value, sent):\n", "        if False:\n"),),
        "test_an_answer_is_about_what_was_asked_for",
    ),
    Mutant(
        "no lock for a connection's report",
        (("include/sql/load/lock.sql", "SELECT pg_advisory_xact_lock(hashtextextended(", "SELECT length(concat("),),
        "test_c1_ or test_c3_",
    ),
    Mutant(
        "no lock for the report that decides which is the record",
        (
            (
                "usage_ledger/warehouse/record.py",
                "{incoming.report, incoming.yields_to, *incoming.yielding}",
                '{incoming.report, ""}',
            ),
        ),
        "test_a_load_waits_for_the_one",
    ),
    Mutant(
        "a report stays the record where another one has the date",
        (("usage_ledger/warehouse/record.py", "    if incoming.yields_to:\n", "    if False:\n"),),
        "test_anthropic_analytics_are_the_record",
    ),
    Mutant(
        "rows of things that were not asked for removed",
        (("include/sql/load/stage_unasked.sql", "AND jsonb_build_array(", "AND false AND jsonb_build_array("),),
        "test_the_rows_of_a_key_that_is_gone_stay",
    ),
    Mutant(
        "a lookup list that cannot be read blanks its column",
        (("include/sql/load/keep_lookup.sql", "AND staged.{column} = ''", "AND false"),),
        "test_a_lookup_that_cannot_be_had_any_more",
    ),
    Mutant(
        "an account that is not asked for",
        (("usage_ledger/sources/account.py", "    if not connection.declared.accounts.id:\n", "    if True:\n"),),
        "test_a_key_of_another_organization_changes_nothing or test_another_account_is_noticed",
    ),
    Mutant(
        "headers that tell another account ignored",
        (("usage_ledger/http/account.py", "    if sent != account:\n", "    if False:\n"),),
        "test_a_header_tells_where",
    ),
    Mutant(
        "rows that tell another account ignored",
        (("usage_ledger/sources/account.py", "        if others:\n", "        if False:\n"),),
        "test_rows_that_tell_another_account",
    ),
    Mutant(
        "what another account's key landed is left for a rebuild",
        (("usage_ledger/pipeline/leftovers.py", '        retract(load_folder(root, load.manifest_uri or ""))\n', ""),),
        "test_rows_that_tell_another_account",
    ),
    Mutant(
        "a list that cannot be had fails the run",
        (("usage_ledger/core/error_classes.py", "(snapshot and is_of_one", "(False and is_of_one"),),
        "test_a_key_that_reads_costs_and_no_list",
    ),
    Mutant(
        "one thing of a list costs the others",
        (("usage_ledger/sources/http_pages.py", "self._report.snapshot and is_of_one_answer(error)", "False"),),
        "test_one_project_costs_neither",
    ),
    Mutant(
        "a list whose things do not answer is never given up",
        (("usage_ledger/sources/gaps.py", "self._failures >= MOST_FAILURES", "False"),),
        "test_a_list_whose_things_do_not_answer",
    ),
    Mutant(
        "no key at all is an answer",
        (("usage_ledger/sources/http_pages.py", "if self._gaps.newest and not", "if False and not"),),
        "test_a_key_that_is_gone_between",
    ),
    Mutant(
        "no lesser question",
        (("usage_ledger/sources/question.py", "range(self.form, len(source.lesser) + 1)", "range(1)"),),
        "test_costs_without_keys_are_worth_more",
    ),
    Mutant(
        "a refused question is asked in full again and again",
        (("usage_ledger/pipeline/extract.py", "refused.lesser_form if refused and not refused.due else 0", "0"),),
        "test_a_refused_question_is_remembered",
    ),
    Mutant(
        "a refused question is never asked in full again",
        (("usage_ledger/pipeline/extract.py", "refused and not refused.due", "refused"),),
        "test_the_full_question_is_asked_again_each_week",
    ),
    Mutant(
        "a report that the account does not have is asked for every day",
        (("usage_ledger/pipeline/run.py", "if report.name in absent:", "if False:"),),
        "test_a_report_that_the_account_does_not_have",
    ),
    Mutant(
        "merge instead of replace",
        (("include/sql/load/delete.sql", "WHERE ", "WHERE false AND "),),
        "test_t4_ or test_t2_",
    ),
    Mutant(
        "floats instead of decimals",
        (("usage_ledger/core/numbers.py", "return Decimal(text)", "return Decimal(float(text))"),),
        "test_b17_",
    ),
    Mutant(
        "`int()` instead of the strict form",
        (("usage_ledger/core/numbers.py", 'r"(?:0|[1-9][0-9]*)"', 'r"[ +]?[0-9_]+ ?"'),),
        "test_b14_",
    ),
    Mutant(
        "redirects followed",
        (("usage_ledger/http/client.py", "follow_redirects=False", "follow_redirects=True"),),
        "test_h18_ or test_x13_",
    ),
    Mutant(
        "no fence against older answers",
        (("usage_ledger/warehouse/days.py", "before.fetched_at > incoming.fetched_at", "False"),),
        "test_c2_",
    ),
    Mutant(
        "no check for the end of a gzip stream",
        (("usage_ledger/http/body.py", "if not inflater.eof:", "if False:"),),
        "test_h23_",
    ),
    Mutant(
        "the connection's id as storage key",
        (("usage_ledger/storage/landing.py", 'return f"{slug}-{', 'return connection_id or f"{slug}-{'),),
        "test_x3_",
    ),
    Mutant(
        "a count that is always sent may be absent",
        (("usage_ledger/reading/absence.py", 'if meter.absent == "error":', "if False:"),),
        "test_what_a_vendor_leaves_out_is_what_its_declaration_says",
    ),
    Mutant(
        "an absent count is 0 whatever new field stands next to it",
        (("usage_ledger/reading/absence.py", "        fields = rows.undeclared(number)\n", "        fields = {}\n"),),
        "test_b12_ or test_a_count_under_a_new_name_is_not_taken_for_absent",
    ),
    Mutant(
        "money under a new name is left out",
        (("usage_ledger/reading/checks.py", ' or new_name_of_count(path, "", rows.undeclared(number))', ""),),
        "test_money_under_a_new_name_is_not_taken_for_money_that_is_not_given",
    ),
    Mutant(
        "a grouping under a new name is unattributed",
        (
            (
                "usage_ledger/reading/dimensions.py",
                'if dimension.missing == "grouped" and rows.page is not None:',
                "if False:",
            ),
        ),
        "test_a_grouping_under_a_new_name_fails_its_date",
    ),
    Mutant(
        "a whole number with a point through a float",
        (("usage_ledger/core/numbers.py", "    value = Decimal(literal)\n", "    value = Decimal(float(literal))\n"),),
        "test_a_large_number_with_a_point_is_exact",
    ),
    Mutant(
        "a further counter of a total is left out",
        (
            (
                "usage_ledger/reading/meters.py",
                "if rows.page is not None and (meter.others or meter.unread):",
                "if False:",
            ),
        ),
        "test_a_further_lifetime_of_the_cache_is_part_of_the_input",
    ),
    Mutant(
        "money without a currency",
        (("usage_ledger/reading/currency.py", "if number >= 0:", "if False:"),),
        "test_b19_ or test_a_zero_alone_needs_no_currency_and_money_does",
    ),
    Mutant(
        "a line with a price and no amount is free",
        (("usage_ledger/reading/metered.py", "    _check_unpaid(rows, meters)\n", ""),),
        "test_a_line_with_a_price_and_no_amount_is_not_free",
    ),
    Mutant(
        "prices of lines that are alike added up",
        (("usage_ledger/reading/identity.py", "prices = contract(name).prices", "prices = ()"),),
        "test_a_price_is_not_added_up",
    ),
    Mutant(
        "peaks of points added up",
        (
            ("usage_ledger/reading/identity.py", '(peak, "max") for', '(peak, "sum") for'),
            ("usage_ledger/reading/identity.py", 'f"{peak}_max": peak', 'f"{peak}_sum": peak'),
        ),
        "test_the_vendors_key_is_never_sent_",
    ),
    Mutant(
        "the provider's key sent to a server of the user's own",
        (
            (
                "usage_ledger/http/client.py",
                "auth = OwnServerAuth(call.server, self.credential) if call.server else self._auth",
                "auth = self._auth",
            ),
        ),
        "test_the_vendors_key_is_never_sent_",
    ),
    Mutant(
        "rows asked for though a required name is missing",
        (("usage_ledger/sources/discovery.py", "if names and missing:", "if False:"),),
        "test_a_missing_name_breaks_the_contract_",
    ),
    Mutant(
        "a date of which nothing is stored believed to be empty",
        (("usage_ledger/warehouse/days.py", "day not in incoming.staged.open and ", ""),),
        "test_no_name_at_all_leaves_a_date_open_",
    ),
    Mutant(
        "a value that could end a text within a query",
        (("usage_ledger/http/fill.py", "match[1] in values and QUOTING.search(value)", "False"),),
        "test_a_template_is_filled_within_a_query_",
    ),
    Mutant(
        "buckets clipped to the window",
        (
            (
                "usage_ledger/reading/days.py",
                "    if day not in window:\n        raise",
                "    if day not in window:\n        return window.first\n        raise",
            ),
        ),
        "test_t7_",
    ),
    Mutant(
        "no deadline for a whole request",
        (
            (
                "usage_ledger/http/transport.py",
                "return min(seconds, timeout) if timeout is not None else seconds",
                "return timeout",
            ),
            ("usage_ledger/http/transport.py", "if seconds <= 0:", "if False:"),
            ("usage_ledger/http/body.py", "if time.monotonic() > deadline:", "if False:"),
        ),
        "test_h24_",
    ),
    Mutant(
        "no adapter for Airflow's masker",
        (
            (
                "usage_ledger/local/airflow_home.py",
                '            "secret_mask_adapter": "usage_ledger.core.redaction.mask_adapter",\n',
                "",
            ),
        ),
        "test_x10_",
    ),
    Mutant(
        "repair misses the windows of a report that the account does not have",
        (("usage_ledger/pipeline/repair.py", "self._absent.add(report.name)", "pass"),),
        "test_repair_asks_once_for_a_report",
    ),
    Mutant(
        "an older answer that is loaded again closes what failed after it",
        (("include/sql/load/close_failures.sql", "event.at) <= %(fetched_at)s", "event.at) IS NOT NULL"),),
        "test_an_event_that_is_younger",
    ),
    Mutant(
        "a load of other dates closes the failure of a window that is still missing",
        (("include/sql/load/close_failures.sql", "THEN 'held' ELSE 'failed' END", "THEN '' ELSE '' END"),),
        "test_a_failure_stays_open_while or test_a_total_that_differed",
    ),
    Mutant(
        "an older answer that is read again fails a date that a newer one has loaded",
        (("include/sql/ops/fail_day.sql", "day.fetched_at <= %(fetched_at)s", "true"),),
        "test_an_older_answer_that_is_read_again_fails",
    ),
    Mutant(
        "a held date's event stays open once the date is loaded",
        (("usage_ledger/warehouse/days.py", "    close_date_events(cursor, incoming, dates, staged_rows)\n", ""),),
        "test_a_held_date_is_closed",
    ),
    Mutant(
        "no hold for a date that came back empty",
        (
            (
                "usage_ledger/warehouse/days.py",
                "    return Hold.VANISHED if current or",
                "    return None if current or",
            ),
        ),
        "test_t2_",
    ),
    Mutant(
        "equal rows are written again",
        (("include/sql/load/differences.sql", "WHERE (", "WHERE true OR ("),),
        "test_a_load_makes_its_dates_equal",
    ),
    Mutant(
        "rows of other content count as equal",
        (("include/sql/load/differences.sql", "IS DISTINCT FROM", "= ANY (SELECT NULL) AND true IS DISTINCT FROM"),),
        "test_a_load_makes_its_dates_equal",
    ),
    Mutant(
        "rows of other content are not staged",
        (("usage_ledger/warehouse/comparison.py", "self._differences.rows.append(row)", "pass"),),
        "test_rows_that_have_each_others_values",
    ),
    Mutant(
        "rows that came no more are not compared",
        (("usage_ledger/warehouse/comparison.py", "self._differences.gone.append(_key(row))", "pass"),),
        "test_only_rows_that_differ_are_staged",
    ),
    Mutant(
        "what is alike in all new rows is not compared",
        (("usage_ledger/warehouse/sql.py", 'clauses or [sql.SQL("false")]', '[sql.SQL("false")]'),),
        "test_a_row_that_differs_in_any_column",
    ),
    Mutant(
        "a group with an undeclared field is taken as it is written",
        (("usage_ledger/reading/pages.py", "self._packed[path][name].decoder.decode(spelling)", "pass"),),
        "test_texts_that_are_worked_out_once",
    ),
    Mutant(
        "a frame that is cut off passes for one that ends",
        (("usage_ledger/json/packed.py", "    if left:  #", "    if False:  #"),),
        "test_a_frame_that_is_cut_off",
    ),
    Mutant(
        "events that wait for others are left out",
        (("usage_ledger/reading/facts.py", "for row_set in [*self._events]:", "for row_set in ():"),),
        "test_re_moved_over_midnight",
    ),
    Mutant(
        "a row group ends in the middle of a date",
        (("usage_ledger/storage/table_writer.py", "return end if end > 0", "return end if False"),),
        "test_every_row_is_written_once_and_known",
    ),
    Mutant(
        "a default that somebody set in the warehouse",
        (("usage_ledger/warehouse/drift.py", "            if default != expected:", "            if False:"),),
        "test_c11_",
    ),
    Mutant(
        "uuids are copied in another order",
        (("usage_ledger/warehouse/copy.py", "(number).to_pylist())", "(number).to_pylist()[::-1])"),),
        "test_every_row_is_stored_as_it_is",
    ),
    Mutant(
        "rows are told apart by their texts alone",
        (
            (
                "usage_ledger/reading/texts.py",
                "if path in paths_of_texts(row_set)]\n        names",
                "if False]\n        names",
            ),
        ),
        "test_rows_split_by_the_keys_name_alone",
    ),
    Mutant(
        "texts of rows with undeclared fields are remembered",
        (("usage_ledger/reading/texts.py", "rows.page is None and not", "not"),),
        "test_a_grouping_that_a_later_page_has_under_a_new_name",
    ),
    Mutant(
        "which rows repeat is asked in the order in which they came",
        (("usage_ledger/storage/table_writer.py", "return mask[", "return mask if True else mask["),),
        "test_every_value_is_in_exactly_the_meters",
    ),
    Mutant(
        "a large page is believed before it is read whole",
        (("usage_ledger/storage/landing.py", "            self.verify()\n            raise", "            raise"),),
        "test_a_large_page_that_was_changed",
    ),
    Mutant(
        "an error of a damaged page is the provider's",
        (("usage_ledger/pipeline/transform.py", "            parts.verify()", "            pass"),),
        "test_a_large_page_that_was_changed",
    ),
    Mutant(
        "no proof of the sums",
        (("usage_ledger/warehouse/ledger.py", "    prove(cursor, incoming, figures, dates, outcome.changed)\n", ""),),
        "test_staged_rows_that_are_not_what_was_sent_change_nothing",
    ),
    Mutant(
        "no proof of a first load's sums",
        (
            (
                "usage_ledger/warehouse/proof.py",
                '        _equal(f"{name}: raw and ledger", raw_sums(incoming, table), added(current.values()))\n',
                "",
            ),
        ),
        "test_a_first_load_whose_rows_are_not_what_was_sent_brings_nothing",
    ),
    Mutant(
        "an echoed key is landed",
        (("usage_ledger/http/body.py", "arriving = redacted(chunks)", "arriving = chunks"),),
        "test_x9_",
    ),
    Mutant(
        "a secret in a large body is looked for at three places of four",
        (("usage_ledger/http/sign_search.py", "SHORTEST = 2 * WORD - 1", "SHORTEST = 2 * WORD - 2"),),
        "test_a_secret_is_hidden_wherever_it_lies_in_a_large_body",
    ),
    Mutant(
        "the sweeper takes committed loads",
        (("usage_ledger/storage/sweep.py", "if MANIFEST not in {path.name for path in files}", "if files"),),
        "test_r2_",
    ),
    Mutant(
        "the provider's own total ignored",
        (
            (
                "usage_ledger/warehouse/days.py",
                "    if incoming.staged.mismatch and (difference",
                "    if False and (difference",
            ),
        ),
        "test_s13_",
    ),
    Mutant(
        "names resolved without a check of the address",
        (("usage_ledger/http/transport.py", "if not permitted(host, port, address)", "if not host"),),
        "test_x17_",
    ),
    Mutant(
        "a missing list read as an empty one",
        (
            ("usage_ledger/reading/whole.py", "    if lists.absent:\n", "    if False:\n"),
            ("usage_ledger/pipeline/transform.py", "    if lists.absent:\n", "    if False:\n"),
        ),
        "test_openai_data_null or test_or_data_null or test_re_empty_object",
    ),
    Mutant(
        "a missing list of a listing read as an empty one",
        (("usage_ledger/sources/listing.py", "    if items is None and not listing.optional:\n", "    if False:\n"),),
        "test_a_listing_without_its_list_is_no_empty_one",
    ),
    Mutant(
        "an error in a form of its own read as no use",
        (
            (
                "usage_ledger/reading/layout.py",
                "if isinstance(document, dict) and not document.keys()",
                "if document is None and document.keys()",
            ),
        ),
        "test_an_error_with_status_200_is_no_empty_list_",
    ),
    Mutant(
        "a date without its bucket read as empty",
        (
            (
                "usage_ledger/reading/whole.py",
                "    return [day for day in days if not all(",
                "    return [day for day in () if not all(",
            ),
        ),
        "test_openai_bucket_missing_",
    ),
    Mutant(
        "a dead page token taken for the end of any answer",
        (
            (
                "usage_ledger/pipeline/extract.py",
                "    if not report.snapshot and missing_buckets(covered, manifest.window, zone):\n",
                "    if False:\n",
            ),
            ("usage_ledger/pipeline/transform.py", "        gathered.failed.setdefault(day, ", "        (day, "),
        ),
        "test_a_dead_page_token_before_the_last_date_",
    ),
    Mutant(
        "no look at the marks of a page",
        (("usage_ledger/reading/whole.py", "    require_marks(report, page)\n", ""),),
        "test_a_page_that_does_not_say_ or test_a_page_that_its_mark_refuses_",
    ),
    Mutant(
        "a contradicted total confirmed by its repetition",
        (
            (
                "usage_ledger/warehouse/days.py",
                "_held_since(before, cause) if cause is Hold.VANISHED else None",
                "_held_since(before, cause)",
            ),
        ),
        "test_fw_totals_mismatch_ or test_a_total_that_differs_however_often_",
    ),
    Mutant(
        "a held date taken for empty at once",
        (("usage_ledger/warehouse/days.py", 'if current or before.state == "held" else None', "if current else None"),),
        "test_a_date_held_for_its_total_",
    ),
    Mutant(
        "rows without a total end the hold of a contradicted one",
        (
            (
                "usage_ledger/warehouse/days.py",
                "if doubted and not incoming.staged.agrees else None",
                "if False else None",
            ),
        ),
        "test_a_total_that_differs_however_often_",
    ),
    Mutant(
        "a contradicted date requested with its neighbours",
        (("usage_ledger/pipeline/plan.py", "        if day in days:\n", "        if True:\n"),),
        "test_one_contradicted_date_",
    ),
    Mutant(
        "a released difference held again",
        (
            (
                "usage_ledger/warehouse/days.py",
                'difference is None or difference != before.evidence.get("total_difference")',
                "True",
            ),
        ),
        "test_one_contradicted_date_",
    ),
    Mutant(
        "dates beyond the reach requested",
        (("usage_ledger/pipeline/extract.py", "    require_reach(connection, report, window, now=now)\n", ""),),
        "test_or_date_too_old",
    ),
    Mutant(
        "a prediction without an end taken for one that has ended",
        (
            (
                "usage_ledger/reading/rows.py",
                "(not value for value in rows.column(completion))",
                "(False for _ in rows.column(completion))",
            ),
        ),
        "test_re_unknown_status_",
    ),
    Mutant(
        "a library's words told to people",
        (("usage_ledger/json/problems.py", "if match := _expected.fullmatch(text):", "if False:"),),
        "test_a_spoiled_answer_is_told_in_plain_words",
    ),
    Mutant(
        "an error with status 200 told as its status",
        (
            (
                "usage_ledger/http/client.py",
                "raise self._error(provider, code, headers, body, answered=status)",
                "raise self._error(provider, code, headers, body)",
            ),
        ),
        "test_an_error_with_status_200_is_worded_as_one",
    ),
    Mutant(
        "a quota that is used up waited for",
        (("usage_ledger/http/error_mapping.py", "(*provider.refusals, *provider.auth.refusals, *GENERAL)", "()"),),
        "test_a_refusal_that_waiting_does_not_mend_",
    ),
    Mutant(
        "tokens asked for at a gateway",
        (
            (
                "usage_ledger/http/token_request.py",
                'if host and is_loopback(urlsplit(host).hostname or ""):',
                "if host:",
            ),
        ),
        "test_tokens_are_asked_for_at_the_own_host_on_loopback_alone",
    ),
    Mutant(
        "a refused token not replaced",
        (("usage_ledger/http/client.py", "if not renewed and auth.renew(status, refusal):", "if False:"),),
        "test_an_expired_token_of_a_role_is_renewed_once",
    ),
    Mutant(
        "a token used until it ends",
        (("usage_ledger/http/bearer.py", "EARLY = 300", "EARLY = 0"),),
        "test_a_token_is_replaced_before_it_ends_ or test_a_role_signs_with_keys_that_are_renewed_",
    ),
    Mutant(
        "a token obtained and not redacted",
        (("usage_ledger/http/bearer.py", "    redaction.protect(text)\n", ""),),
        "test_no_secret_of_any_form_is_in_any_sink",
    ),
    Mutant(
        "secrets of a token's form not redacted",
        (("usage_ledger/http/token_request.py", "            redaction.protect(value)\n", "            pass\n"),),
        "test_no_secret_of_any_form_is_in_any_sink",
    ),
    Mutant(
        "a private key redacted in one form alone",
        (("usage_ledger/http/secrets.py", "    redaction.protect(pem.strip())\n", ""),),
        "test_no_secret_of_any_form_is_in_any_sink",
    ),
    Mutant(
        "a blank signed as a plus sign",
        (("usage_ledger/http/signature.py", "    request.url = request.url.copy_with(", "    request.url.copy_with("),),
        "test_the_signature_is_the_one_of_the_vendors_client",
    ),
    Mutant(
        "a key file names who issues its token",
        (("usage_ledger/http/service_account.py", ' | {"token_uri": declared.issuer_url}', ""),),
        "test_a_key_file_that_names_another_issuer_is_not_followed",
    ),
    Mutant(
        "a federation may name any host",
        (("usage_ledger/http/service_account.py", "if self._own is not None and name not in self._own:", "if False:"),),
        "test_a_federation_exchanges_a_files_token_at_the_issuer",
    ),
    Mutant(
        "an access key of another account accepted",
        (("usage_ledger/http/own_token.py", "if account and key_account != account:", "if False:"),),
        "test_another_form_of_access_key_is_refused_by_name",
    ),
    Mutant(
        "an extra that is not read ignored",
        (("usage_ledger/airflow/native.py", "    extra.require_all_read()\n", ""),),
        "test_what_is_not_read_is_refused_by_name",
    ),
    Mutant(
        "another vendor's connection believed",
        (("usage_ledger/airflow/identity.py", "    _require_own_type(connection, stored)\n", ""),),
        "test_a_connection_of_another_vendor_is_refused",
    ),
    Mutant(
        "an absent connection is the machine's identity",
        (
            (
                "usage_ledger/airflow/identity.py",
                "    if stored is None:\n        raise _no_connection(connection)\n",
                "    if stored is None:\n        return Credential(Machine())\n",
            ),
        ),
        "test_an_absent_connection_is_never_the_machines_identity",
    ),
    Mutant(
        "a secret taken from the command line",
        (("usage_ledger/cli/settings.py", "if setting.secret == bool(has_value):", "if False:"),),
        "test_a_wrong_setting_is_one_line_that_helps",
    ),
    Mutant(
        "a reset counts though its allowance did not run out",
        (("usage_ledger/http/waits.py", "    if used_up:\n", "    if False:\n"),),
        "test_of_several_renewals_",
    ),
    Mutant(
        "waits of our own within a limit per minute",
        (("usage_ledger/http/retry.py", "self.throttled_base * 4 **", "self.throttled_base * 1 **"),),
        "test_waits_without_any_header_",
    ),
    Mutant(
        "undeclared fields of people landed",
        (("usage_ledger/pipeline/people.py", 'or (role == "rows" and self._report.lists_people)', ""),),
        "test_of_a_user_only_the_declared_fields_are_stored",
    ),
    Mutant(
        "addresses where nothing is declared landed",
        (("usage_ledger/pipeline/people.py", "read = None if self._clear else", "read = None if True else"),),
        "test_planted_addresses_are_nowhere",
    ),
    Mutant(
        "addresses in errors told",
        (("usage_ledger/http/error_mapping.py", "hide_addresses(value)", "value"),),
        "test_an_address_in_an_error_is_nowhere",
    ),
    Mutant(
        "a bad row fails its window",
        (("usage_ledger/reading/rows.py", "        if not failed:\n            raise\n", "        raise\n"),),
        "test_s4_",
    ),
    Mutant(
        "good rows beside a bad one staged without the others of their page",
        (("usage_ledger/reading/rows.py", "if gathered.failed.keys() & set(buckets.days):", "if False:"),),
        "test_s4_",
    ),
    Mutant(
        "a value of a wrong JSON type fails its window",
        (("usage_ledger/pipeline/transform.py", "salvaged = salvage(report, body, error)", "raise"),),
        "test_a_row_that_breaks_the_contract_fails_its_date_alone",
    ),
    Mutant(
        "a command takes rows that break a rule",
        (("usage_ledger/pipeline/validate.py", "if not strict and not broken:", "if not strict:"),),
        "test_a_row_that_breaks_the_contract_fails_its_date_alone",
    ),
    Mutant(
        "an Airflow run goes without Great Expectations",
        (("usage_ledger/pipeline/validate.py", "if not strict and not broken:", "if not broken:"),),
        "test_great_expectations_is_asked_about_every_table",
    ),
    Mutant(
        "rows that failed the data contract loaded",
        (("usage_ledger/warehouse/days.py", "elif day in incoming.staged.failed:", "elif False:"),),
        "test_a_row_that_breaks_the_contract_fails_its_date_alone",
    ),
    Mutant(
        "a run with failed dates ends green",
        (("usage_ledger/pipeline/run.py", "                if result.error:\n", "                if False:\n"),),
        "test_a_bad_row_fails_its_date_and_the_run_and_the_others_load",
    ),
    Mutant(
        "failed dates asked for again and again within a run",
        (("usage_ledger/pipeline/repair.py", "if error := _recorded(done[-1]):", "if error := None:"),),
        "test_failed_dates_of_a_load_stay_missing_and_are_not_asked_for_again",
    ),
    Mutant(
        "a date that breaks its window asked for with the others",
        (("usage_ledger/pipeline/plan.py", "(days | late) & failed.of_whole_answers", "set[date]()"),),
        "test_a_date_that_breaks_its_window_keeps_no_other_from_loading",
    ),
    Mutant(
        "a running total compared with days that are not loaded",
        (("include/sql/load/compare_running_total.sql", "AND last - first + 1 = (", "AND 0 <= ("),),
        "test_nothing_is_compared_while_a_day_between_is_not_loaded",
    ),
    Mutant(
        "a running total that no rows explain goes unnoticed",
        (("usage_ledger/warehouse/running_totals.py", "elif cursor.fetchone() == (False,)", "elif False"),),
        "test_a_total_that_no_rows_explain_is_one_event_until_it_agrees",
    ),
    Mutant(
        "a page of a cursor that expired taken for a refusal",
        (("usage_ledger/http/error_mapping.py", "(408, 410, 425)", "(408, 425)"),),
        "test_anthropic_cursor_that_expired_begins_the_window_again",
    ),
    Mutant(
        "a date without any event read as empty",
        (("usage_ledger/reading/whole.py", 'covered.setdefault(("events",), set())', "set[date]()"),),
        "test_a_date_without_any_event_is_silent_not_empty",
    ),
    Mutant(
        "an object believed that changed while it was read",
        (("usage_ledger/sources/objects.py", "if now == one and broken is None:", "if broken is None:"),),
        "test_an_object_that_changes_while_it_is_read_is_read_again_and_then_refused",
    ),
    Mutant(
        "a local store anywhere on the machine",
        (
            (
                "usage_ledger/storage/objects.py",
                "    if not any(real.is_relative_to",
                "    if not real and any(real.is_relative_to",
            ),
        ),
        "test_a_store_leads_nowhere_else",
    ),
    Mutant(
        "links out of a store followed",
        (("usage_ledger/storage/objects.py", 'if info.get("islink") or (', 'if info.get("islink") and ('),),
        "test_a_store_leads_nowhere_else",
    ),
    Mutant(
        "members of a gzip stream after the first left out",
        (
            (
                "usage_ledger/http/body.py",
                "inflater.unconsumed_tail or inflater.unused_data",
                "inflater.unconsumed_tail",
            ),
        ),
        "test_objects_are_read_by_arrival_and_their_events_belong_to_their_own_dates",
    ),
    Mutant(
        "an answer before the result taken for it",
        (("usage_ledger/sources/query_job.py", "while not self._is_ready(page):", "while False:"),),
        "test_a_query_is_waited_for_and_read_to_its_last_page",
    ),
    Mutant(
        "a query waited for longer than its limit",
        (("usage_ledger/sources/query_job.py", "+ wait > limit:", "+ wait > 2 * limit:"),),
        "test_a_query_without_a_result_is_given_up_within_its_limit",
    ),
    Mutant(
        "an id in a path that leads elsewhere",
        (("usage_ledger/http/fill.py", 'if {"", ".", ".."} & {*segments}:', "if not segments:"),),
        "test_a_whole_id_in_a_path_has_its_slashes_and_nothing_that_leads_elsewhere",
    ),
    Mutant(
        "a report fetched that no connection names",
        (("usage_ledger/connections.py", "tuple(report for report in declared if not report.opt_in)", "declared"),),
        "test_a_report_that_is_opted_in_to_is_fetched_only_where_it_is_named",
    ),
    Mutant(
        "texts are put into a page as they are",
        (("usage_ledger/page/render.py", "autoescape=True", "autoescape=False"),),
        "test_no_name_or_id_of_the_ledger_is_markup_or_a_formula",
    ),
    Mutant(
        "a filter of a page is written into the statement",
        (
            (
                "usage_ledger/page/explore_query.py",
                'sql.SQL("{} = ANY ({})").format(_column(name), sql.Placeholder(f"only_{name}")) for name, _ in',
                """sql.SQL("{} IN ('" + "', '".join(ids) + "')").format(_column(name)) for name, ids in""",
            ),
        ),
        "test_no_injection_into_a_parameter_succeeds",
    ),
    Mutant(
        "formulas in a CSV",
        (("usage_ledger/page/csv_text.py", """f"'{text}" if _is_formula(text) else text""", "text"),),
        "test_no_name_or_id_of_the_ledger_is_markup_or_a_formula",
    ),
    Mutant(
        "a page shows connections that the person may not read",
        (("include/sql/page/explore.sql", "connection_id = ANY (%(connections)s)", "true"),),
        "test_a_connection_that_the_person_may_not_read_is_in_no_answer",
    ),
    Mutant(
        "an older release writes to a newer one's warehouse",
        (("usage_ledger/warehouse/releases.py", "if release and _order(release) > _order(__version__):", "if False:"),),
        "test_a_newer_release_takes_the_warehouse_over_",
    ),
    Mutant(
        "releases are compared as texts",
        (("usage_ledger/warehouse/releases.py", "_order(release) > _order(__version__)", "release > __version__"),),
        "test_a_process_of_an_older_release_",
    ),
    Mutant(
        "a schema step of a newer release is overlooked",
        (("usage_ledger/warehouse/releases.py", "if current and unknown:", "if False:"),),
        "test_a_step_that_this_release_does_not_know_",
    ),
    Mutant(
        "a worker of an older release loads what a newer one landed",
        (("usage_ledger/airflow/tasks.py", "    require_release(engine)\n", ""),),
        "test_a_worker_that_has_another_release_",
    ),
    Mutant(
        "a mart that grew is made again, not replaced",
        (
            (
                "usage_ledger/warehouse/marts.py",
                "if not _replaced(cursor, path):",
                "if mart_name(path) in present or not _replaced(cursor, path):",
            ),
        ),
        "test_new_columns_at_the_end_",
    ),
    Mutant(
        "a mart takes away a column that others read",
        (("usage_ledger/warehouse/marts.py", "    if refused:\n", "    if False:\n"),),
        "test_a_mart_that_loses_what_a_team_reads_",
    ),
    Mutant(
        "a mart that is made again loses its grants",
        (
            (
                "usage_ledger/warehouse/marts.py",
                "    for privilege, role in grants:\n",
                "    for privilege, role in ():\n",
            ),
        ),
        "test_a_mart_nobody_built_on_",
    ),
    Mutant(
        "a team's own view in schema marts is replaced",
        (("usage_ledger/warehouse/marts.py", "in sorted(_own(None) & present.keys() - own):", "in ():"),),
        "test_a_teams_own_view_in_schema_marts_",
    ),
    Mutant(
        "a mart counts from the day of UTC how fresh a report is",
        (
            (
                "include/sql/marts/06_freshness.sql",
                "::timestamp AT TIME ZONE day_zone",
                "::timestamp AT TIME ZONE 'UTC'",
            ),
        ),
        "test_freshness_is_counted_in_the_reports_own_days",
    ),
    Mutant(
        "a report that waits for its daily run is late",
        (("include/sql/marts/06_freshness.sql", "newest.days_behind > 1", "newest.days_behind > 0"),),
        "test_freshness_counts_",
    ),
    Mutant(
        "a list that is loaded no more is fresh",
        (("include/sql/marts/06_freshness.sql", "status.last_success_at < now() - interval '2 days'", "false"),),
        "test_freshness_counts_",
    ),
    Mutant(
        "a load that a date stands on is removed",
        (
            ("include/sql/ops/outlived_loads.sql", "day.load_id = load.load_id OR ", ""),
            ("include/sql/ops/outlived_loads.sql", "day.fetched_at <= load.fetched_at OR ", ""),
        ),
        "test_loads_go_once_newer_ones_",
    ),
    Mutant(
        "a load of a held date is removed",
        (("include/sql/ops/outlived_loads.sql", " OR day.state NOT IN ('loaded', 'empty')", ""),),
        "test_loads_of_a_held_failed_or_unknown_date_stay",
    ),
    Mutant(
        "a load is removed whose successor is gone",
        (("include/sql/ops/outlived_loads.sql", " OR NOT day.load_id::text = ANY(%(landed)s)", ""),),
        "test_the_daily_run_removes_",
    ),
    Mutant(
        "lists of names are removed",
        (
            ("usage_ledger/pipeline/leftovers.py", " or report.snapshot:", ":"),
            ("include/sql/ops/outlived_loads.sql", "day.load_id IS NULL OR ", ""),
        ),
        "test_loads_go_once_newer_ones_",
    ),
    Mutant(
        "a load of a date that nobody knows is removed",
        (("include/sql/ops/outlived_loads.sql", "day.load_id IS NULL OR ", ""),),
        "test_loads_of_a_held_failed_or_unknown_date_stay",
    ),
    Mutant(
        "a load that is half removed looks whole",
        (
            (
                "usage_ledger/storage/sweep.py",
                "sorted(loads[load_id], key=lambda path: path.name != MANIFEST)",
                "sorted(loads[load_id], key=lambda path: path.name == MANIFEST)",
            ),
        ),
        "test_a_removal_that_breaks_off_",
    ),
    Mutant(
        "what tries raw storage stays there",
        (("usage_ledger/storage/probe.py", "        remove([path])\n", ""),),
        "test_probe_of_a_folder",
    ),
    Mutant(
        "raw storage may give back other bytes",
        (("usage_ledger/storage/probe.py", "    if not same:\n", "    if False:\n"),),
        "test_probe_refuses_a_store_",
    ),
    Mutant(
        "a signed URL of raw storage in a traceback",
        (("usage_ledger/storage/probe.py", "        ) from None  #", "        )  #"),),
        "test_probe_shows_no_signed_url_",
    ),
    Mutant(
        "`init` does not try raw storage",
        (("usage_ledger/airflow/installation.py", "    probe(root)\n", ""),),
        "test_what_is_wrong_is_one_sentence_",
    ),
    Mutant(
        "`init` writes though something is missing",
        (("usage_ledger/cli/init.py", "done = [] if missing else install(folder)", "done = install(folder)"),),
        "test_what_is_wrong_is_one_sentence_",
    ),
    Mutant(
        "`init` replaces what a person wrote",
        (("usage_ledger/airflow/installation.py", "        if not path.exists()\n", ""),),
        "test_what_is_not_there_is_written_once",
    ),
    Mutant(
        "an Airflow that is too old is taken",
        (
            (
                "usage_ledger/airflow/versions.py",
                "if not FIRST <= parts_of(release) < NEXT_MAJOR:",
                "if not parts_of(release) < NEXT_MAJOR:",
            ),
        ),
        "test_a_dag_file_says_which_airflow_it_needs",
    ),
    Mutant(
        "an Airflow that is too new is taken",
        (
            (
                "usage_ledger/airflow/versions.py",
                "if not FIRST <= parts_of(release) < NEXT_MAJOR:",
                "if not FIRST <= parts_of(release):",
            ),
        ),
        "test_a_dag_file_says_which_airflow_it_needs",
    ),
    Mutant(
        "the code allows other releases of Airflow than the package",
        (("usage_ledger/airflow/versions.py", "FIRST, NEXT_MAJOR = (3, 2)", "FIRST, NEXT_MAJOR = (3, 1)"),),
        "test_the_range_of_releases_is_that_of_the_package",
    ),
    Mutant(
        "the runs of a backfill are late",
        (("usage_ledger/airflow/deadline.py", 'if run is None or run.run_type == "backfill":', "if run is None:"),),
        "test_a_manual_run_counts_from_its_trigger_",
    ),
    Mutant(
        "the first run of a new connection is late at once",
        (("usage_ledger/airflow/deadline.py", 'if run.run_type == "scheduled" and session', "if False and session"),),
        "test_the_first_run_of_a_new_connection_",
    ),
    Mutant(
        "who cannot be notified keeps others from hearing of a late run",
        (
            (
                "usage_ledger/airflow/deadline.py",
                "except Exception as error:  # noqa: BLE001  each",
                "except ValueError as error:  # each",
            ),
        ),
        "test_who_cannot_be_notified_",
    ),
    Mutant(
        "a secret of who is notified is logged",
        (("usage_ledger/airflow/deadline.py", 'redact(f"{type(error).__name__}: {error}")', "error"),),
        "test_who_cannot_be_notified_",
    ),
    Mutant(
        "metrics that cannot be sent fail the task",
        (
            (
                "usage_ledger/airflow/observed.py",
                "except Exception as error:  # noqa: BLE001  a backend",
                "except ValueError as error:  # a backend",
            ),
        ),
        "test_a_backend_that_raises_",
    ),
    Mutant(
        "a key in what a metrics library says is logged",
        (("usage_ledger/airflow/observed.py", 'redact(f"{type(error).__name__}: {error}")', "error"),),
        "test_a_backend_that_raises_",
    ),
    Mutant(
        "a span says an error as it is",
        (("usage_ledger/airflow/spans.py", 'redact(f"{type(error).__name__}: {error}")', "str(error)"),),
        "test_the_span_of_a_step_that_fails_",
    ),
    Mutant(
        "a span records the exception",
        (("usage_ledger/airflow/spans.py", "record_exception=False", "record_exception=True"),),
        "test_the_span_of_a_step_that_fails_",
    ),
    Mutant(
        "a credential in a dataset's name",
        (("usage_ledger/airflow/lineage.py", "parts.netloc.rpartition('@')[2]", "parts.netloc"),),
        "test_a_dataset_has_no_credential_",
    ),
)


def copied(to: Path) -> Path:
    """A copy of the project's files, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def selected(tests: str, project: Path = ROOT) -> list[str]:
    """The files that hold one of these tests at least: to import all the others takes longer than most tests do."""
    names = tests.split(" or ")
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((project / "tests").rglob("test_*.py"))}
    return [str(path) for path, text in texts.items() if any(f"def {name}" in text for name in names)]


def tested(project: Path, tests: str) -> tuple[int, str]:
    """Pytest's exit code for these tests in a copy, and the first test that failed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-k", tests, *selected(tests, project)],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.search(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE)
    return done.returncode, failed[1] if failed else ""


def text_of(mutant: Mutant, project: Path, name: str, text: str) -> str:
    """The content of a file that holds `text`; raises `SystemExit` with what to repair when it does not."""
    path = project / name
    content = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text in content:
        return content
    state = "does not contain this text" if path.is_file() else "does not exist"
    raise SystemExit(
        f"Mutant {mutant.name!r} cannot be made: {name} {state}. The code was renamed or moved: "
        f"repair this mutant's edit in tests/mutants.py.\n{text}"
    )


def judged(mutant: Mutant) -> str:
    """The test that noticed the break; '' when none did. Raises `SystemExit` when a break cannot be made or judged."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        project = copied(Path(folder))
        for name, text, other in mutant.edits:
            content = text_of(mutant, project, name, text)
            (project / name).write_text(content.replace(text, other), encoding="utf-8")
        code, failed = tested(project, mutant.tests)
    if code not in (0, 1):
        raise SystemExit(f"{mutant.name}: pytest ended with {code}")
    print(f"{mutant.name}: {failed or ('an unnamed test' if code else 'SURVIVED')}", flush=True)  # noqa: T201
    return failed or ("an unnamed test" if code else "")


def unbroken() -> None:
    """Raises `SystemExit` unless every test passes before anything is broken."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        code, failed = tested(copied(Path(folder)), " or ".join(mutant.tests for mutant in MUTANTS))
    if code:
        raise SystemExit(f"the tests do not pass before anything is broken (exit {code}, {failed})")


def main() -> None:
    """Judge every mutant, each in a copy of its own and one a core, and write down what came of it."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        before = pool.submit(unbroken)
        verdicts = [pool.submit(judged, mutant) for mutant in MUTANTS]
        try:
            before.result()
            noticed = {mutant.name: verdict.result() for mutant, verdict in zip(MUTANTS, verdicts, strict=True)}
        except SystemExit:
            pool.shutdown(cancel_futures=True)
            raise
    survived = [name for name, test in noticed.items() if not test]
    record = {"mutants": len(noticed), "killed": len(noticed) - len(survived), "survived": survived}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    rows = "".join(f"| {name} | `{test}` |\n" for name, test in noticed.items())
    head, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    tail = rest.split(MARKS[1])[1]
    table = f"| What was taken away | The first test that failed |\n| --- | --- |\n{rows}"
    PAGE.write_text(head + MARKS[0] + table + MARKS[1] + tail, encoding="utf-8")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
