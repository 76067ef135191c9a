//! `ficus import openapi`: an API description becomes a schema file and a connector file.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{
    Outcome,
    shared::{answer, say, show},
};
use crate::{
    config::connector_schema,
    diagnostic::{Diagnostics, counted},
    graph::{Paths, read_files},
    import::{
        DOCUMENT_BYTES_MAX, ImportError, Imported, Options, Report, defined_types, import, source_name,
    },
};

const EXAMPLES: &str = "\
Examples:
  ficus import openapi petstore.yaml                     writes schema/petstore.graphql and connectors/petstore.yaml,
                                                         and for editors connectors/.schema.json where it is not there
  ficus import openapi shop.json --source orders --out api
  ficus import openapi shop.json --report skipped.json   what was left out, with reasons, as JSON

Exit status: 0 written, 1 the document has faults or nothing of it can be imported, 2 the command line is wrong,
3 a file is in the way (--force) or cannot be written.";

/// Make a schema file and a connector file of an API description
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Import {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Format {
    Openapi(OpenApi),
}

/// OpenAPI 3.0 and 3.1, Swagger 2; JSON or YAML
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct OpenApi {
    /// The document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name of the source, and of the files; by default made of the document's file name
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Where the folders schema/ and connectors/ are
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Write what was left out, and why, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        match self.format {
            Format::Openapi(command) => command.run(),
        }
    }
}

impl OpenApi {
    fn run(self) -> anyhow::Result<Outcome> {
        let stem = self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let source = match &self.source {
            Some(name) if source_name(name) != *name => {
                say(&format!(
                    "ficus: `{name}` cannot be the name of a source; `{}` can\n",
                    source_name(name)
                ));
                return Ok(Outcome::Faults);
            }
            Some(name) => name.clone(),
            None => source_name(&stem),
        };
        let schema = self.folder("schema").join(format!("{source}.graphql"));
        let connector = self.folder("connectors").join(format!("{source}.yaml"));
        if let (Some(there), false) =
            ([&schema, &connector].into_iter().find(|path| path.exists()), self.force)
        {
            anyhow::bail!(
                "{} is there already; --force writes over it, --source NAME uses another name",
                there.display()
            );
        }
        let Some(text) = self.read()? else { return Ok(Outcome::Faults) };
        let document =
            self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let options = Options { source, document, taken: self.taken(&schema) };
        let imported = match import(&text, &options) {
            Ok(imported) => imported,
            Err(error) => return self.refused(error),
        };
        write(&schema, &imported.schema)?;
        write(&connector, &imported.connector)?;
        // The connector file's first line names it. One that is there may be somebody's link or newer.
        let editors = self.folder("connectors").join(".schema.json");
        if !editors.exists() {
            write(&editors, &connector_schema())?;
        }
        self.report(&imported.report)?;
        say(&imported.report.to_text());
        let Imported { report, .. } = imported;
        answer(&format!(
            "imported {} of {}: {}, {}\n",
            report.imported,
            counted(report.operations, "operation"),
            schema.display(),
            connector.display()
        ))?;
        Ok(Outcome::Fine)
    }

    /// Where files of a kind go; not `./schema` in messages where `schema` will do.
    fn folder(&self, name: &str) -> PathBuf {
        if self.out == Path::new(".") { name.into() } else { self.out.join(name) }
    }

    /// The document's text; none, said already, when it is not one.
    fn read(&self) -> anyhow::Result<Option<String>> {
        let in_file = || format!("{}", self.file.display());
        let bytes = fs::metadata(&self.file).with_context(in_file)?.len();
        if bytes > DOCUMENT_BYTES_MAX as u64 {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            say(&format!(
                "{}: {}\n",
                in_file(),
                ImportError::TooLarge { bytes, bytes_max: DOCUMENT_BYTES_MAX }
            ));
            return Ok(None);
        }
        match String::from_utf8(fs::read(&self.file).with_context(in_file)?) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                say(&format!("{}: the document is not UTF-8: see byte {offset}\n", in_file()));
                Ok(None)
            }
        }
    }

    /// Types of the other schema files.
    fn taken(&self, own: &Path) -> BTreeSet<String> {
        let paths = Paths { schema: self.folder("schema"), ..Paths::default() };
        // What cannot be read there is `ficus check`'s business.
        let files = read_files(&paths, &mut Diagnostics::default());
        let others = files.schema.iter().filter(|(name, _)| Path::new(name) != own);
        others.flat_map(|(_, text)| defined_types(text)).collect()
    }

    fn refused(&self, error: ImportError) -> anyhow::Result<Outcome> {
        if let ImportError::NotAccepted(diagnostics) = &error {
            show(diagnostics);
        }
        if let ImportError::Nothing(report) = &error {
            self.report(report)?;
            say(&report.to_text());
        }
        say(&format!("{}: {error}\n", self.file.display()));
        Ok(Outcome::Faults)
    }

    fn report(&self, report: &Report) -> anyhow::Result<()> {
        match &self.report {
            Some(path) => write(path, &report.to_json()),
            None => Ok(()),
        }
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("{}", path.display()))
}
