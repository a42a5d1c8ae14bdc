import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import { commandsIn, hasOpenQuotation, READINGS } from './spl.js';

/**
 * The commands of Splunk that only read: those of its search reference that neither write, send, run programs nor run
 * other searches. What isn't listed (an app's own command, one of a later version) isn't known to only read.
 * Source: https://docs.splunk.com/Documentation/Splunk/latest/SearchReference/ListOfSearchCommands
 */
export const READING_COMMANDS: ReadonlySet<string> = new Set(
  `abstract accum addcoltotals addinfo addtotals analyzefields anomalies anomalousvalue anomalydetection append
   appendcols appendpipe arules associate autoregress bin bucket bucketdir chart cluster cofilter concurrency contingency
   convert correlate ctable datamodel datamodelsimple dbinspect dedup delta diff erex eval eventcount eventstats extract
   fieldformat fields fieldsummary filldown fillnull findtypes folderize foreach format from gauge gentimes geom
   geomfilter geostats head highlight history iconify inputcsv inputlookup iplocation join kmeans kv kvform loadjob
   localize localop lookup makecontinuous makemv makeresults mcatalog metadata metasearch mpreview msearch mstats multikv
   multisearch mvcombine mvexpand nomv outlier outputtext overlap pivot predict rangemap rare redistribute regex reltime
   rename replace require rest return reverse rex rtorder search searchtxn selfjoin set setfields sichart sirare sistats
   sitimechart sitop sort spath stats strcat streamstats table tags tail timechart timewrap tojson fromjson top
   transaction transpose trendline tstats typeahead typer union uniq untable walklex where x11 xmlkv xmlunescape xpath
   xyseries`.split(/\s+/),
);

/**
 * Splunk's own list, for a sentence that says why. What is in neither list is refused too.
 * Source: https://docs.splunk.com/Documentation/Splunk/latest/Security/SPLsafeguards
 */
const RISKY: Readonly<Record<string, string>> = {
  collect: 'writes events',
  delete: 'deletes events',
  dump: 'writes files',
  map: 'runs searches that are put together from its results',
  mcollect: 'writes metrics',
  meventcollect: 'writes metrics',
  outputcsv: 'writes a file',
  outputlookup: 'writes a lookup',
  run: 'runs a program',
  runshellscript: 'runs a program',
  savedsearch: 'runs another search',
  script: 'runs a program',
  sendalert: 'runs an alert action',
  sendemail: 'sends mail',
  tscollect: 'writes index files',
  dbxquery: 'sends SQL to a database',
  dbxoutput: 'writes to a database',
  fit: 'writes a model',
};

const HELP =
  "A connection with read_only: false allows it; allow_commands in the connection's settings allows one.";

/**
 * Whether a search only reads, whichever way it is read.
 *
 * @param spl without macros and comments
 * @param allowed further commands
 * @throws {CellError} naming the command that isn't known to
 */
export function refuseWriting(spl: string, allowed: readonly string[] = []): void {
  if (spl.includes('`'))
    throw new CellError(
      `A backtick in quotes could call a macro, whose commands are not known. The connection is read-only. ${HELP}`,
    );
  if (hasOpenQuotation(spl)) throw new CellError('A double quote in this search has no second one.');
  if (/savedsearch["'\s]{0,20}:/i.test(spl))
    throw new CellError(
      `A dataset of the kind savedsearch: runs another search, whose commands are not known. Write | savedsearch NAME. ${HELP}`,
    );
  const own = new Set(allowed.map((name) => name.toLowerCase()));
  for (const reading of READINGS) {
    for (const { name, start, end } of commandsIn(spl, reading)) {
      const command = name.toLowerCase();
      if (!READING_COMMANDS.has(command) && !own.has(command))
        throw notReading(name || spl.slice(start, end));
      if (command === 'rest') refuseRunningRest(spl.slice(start, end));
    }
  }
}

/** `| rest` sends a GET, and to some addresses that runs a search: https://docs.splunk.com/Documentation/Splunk/latest/RESTREF/RESTsearch */
function refuseRunningRest(command: string): void {
  if (/export|parser|%|\.\./i.test(command))
    throw new CellError(`That address of | rest may run a search. The connection is read-only. ${HELP}`);
}

function notReading(name: string): CellError {
  const why = Object.hasOwn(RISKY, name.toLowerCase()) ? RISKY[name.toLowerCase()] : undefined;
  const what =
    why === undefined
      ? `“${quoted(name)}” is no command that is known to only read`
      : `The command ${quoted(name)} ${why}`;
  const hint = why === undefined && !/^\w+$/.test(name) ? ' Write patterns in double quotes.' : '';
  return new CellError(`${what}, and the connection is read-only.${hint} ${HELP}`);
}
