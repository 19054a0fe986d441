//! Parquet: a typed table, a row a step, through the column writer alone.

use std::io::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;
use office::Exchanges;
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::Form;
use super::delimited::{officers_words, reference_of};
use crate::payload::subject_of;
use crate::told::Told;

/// The columns of CSV, typed; times are microseconds since 1970, UTC. The payload stands as its bytes.
const SCHEMA: &str = "message step {
    required int64 sequence (INTEGER(64,false));
    required int64 recorded_at (TIMESTAMP(MICROS,true));
    required binary direction (STRING);
    required binary office (STRING);
    required binary what (STRING);
    required binary name (STRING);
    required binary step (STRING);
    optional binary parent (STRING);
    required int64 authored_at (TIMESTAMP(MICROS,true));
    optional fixed_len_byte_array(16) request_id (UUID);
    required boolean inert;
    optional binary counted (STRING);
    optional int32 counted_day (DATE);
    optional binary counted_office (STRING);
    optional binary subject (STRING);
    optional binary reference (STRING);
    optional binary officers (STRING);
    required binary payload;
    optional binary made_by (STRING);
}";

/// A row group is written when it has as many rows, or as many bytes in it.
const ROWS_MAX: usize = 64 * 1024;
const BYTES_MAX: usize = 32 * 1024 * 1024;

pub(super) struct Table<W> {
    out: W,
    /// Writes into memory, so that `out` need not be sent to another thread.
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
    written: u64,
}

impl<W: Write> Table<W> {
    pub(super) fn begin(out: W) -> io::Result<Self> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
        let columns = schema.get_fields().iter().map(|field| {
            let kind = field.get_physical_type();
            Column::new(kind, field.is_optional())
        });
        let columns = columns.collect();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_column_statistics_enabled(path("payload"), EnabledStatistics::None);
        // Numbers that grow, and words that are nearly all different: a dictionary would be as long as the column.
        for (column, encoding) in [
            ("sequence", Encoding::DELTA_BINARY_PACKED),
            ("recorded_at", Encoding::DELTA_BINARY_PACKED),
            ("authored_at", Encoding::DELTA_BINARY_PACKED),
            ("name", Encoding::DELTA_BYTE_ARRAY),
            ("step", Encoding::DELTA_BYTE_ARRAY),
            ("parent", Encoding::DELTA_BYTE_ARRAY),
            ("request_id", Encoding::PLAIN),
            ("payload", Encoding::PLAIN),
        ] {
            properties = properties
                .set_column_dictionary_enabled(path(column), false)
                .set_column_encoding(path(column), encoding);
        }
        let properties = Arc::new(properties.build());
        let writer = SerializedFileWriter::new(Vec::new(), schema, properties).map_err(failed)?;
        Ok(Self {
            out,
            writer,
            columns,
            rows: 0,
            bytes: 0,
            written: 0,
        })
    }

    fn write_group(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for column in &mut self.columns {
            let writer = group.next_column().map_err(failed)?;
            let writer = writer.ok_or_else(|| io::Error::other("a column is too many"))?;
            column.write(writer).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        self.writer.flush()?;
        let bytes = self.writer.inner_mut();
        self.out.write_all(bytes)?;
        bytes.clear();
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write> Form for Table<W> {
    fn step(&mut self, told: &Told, wanted: bool) -> io::Result<()> {
        if !wanted {
            return Ok(());
        }
        let step = &told.step;
        let text = |text: &str| (!text.is_empty()).then(|| ByteArray::from(text));
        let day = told.applied.counted.map(|count| {
            let since = jiff::civil::date(1970, 1, 1).until(count.day);
            since.map_or(0, |span| span.get_days())
        });
        let id = told
            .request_id
            .map(|id| FixedLenByteArray::from(id.0.to_vec()));
        let cells = [
            Cell::Int64(told.sequence as i64),
            Cell::Int64(microseconds(told.recorded_at)),
            Cell::Bytes(Some(told.direction().into())),
            Cell::Bytes(Some(step.id.place.word().into())),
            Cell::Bytes(Some(step.kind.words().into())),
            Cell::Bytes(Some(told.name().as_str().into())),
            Cell::Bytes(Some(step.id.to_string().as_str().into())),
            Cell::Bytes(text(&told.parent_name())),
            Cell::Int64(microseconds(step.authored_at)),
            Cell::Fixed(id),
            Cell::Bool(told.applied.inert),
            Cell::Bytes(text(told.counted())),
            Cell::Int32(day),
            Cell::Bytes(text(told.counted_office())),
            Cell::Bytes(text(&subject_of(step.kind, &told.payload))),
            Cell::Bytes(text(&reference_of(told))),
            Cell::Bytes(text(&officers_words(told))),
            Cell::Bytes(Some(told.payload.clone().into())),
            Cell::Bytes(text(&told.made_by)),
        ];
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.bytes += column.push(cell);
        }
        self.rows += 1;
        self.written += 1;
        if self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Exchanges) -> io::Result<u64> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.finish().map_err(failed)?;
        self.out.write_all(self.writer.inner())?;
        self.out.flush()?;
        Ok(self.written)
    }
}

fn path(column: &str) -> ColumnPath {
    ColumnPath::from(column)
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

/// Rounded down: a fraction of a microsecond is left out.
fn microseconds(time: Timestamp) -> i64 {
    time.as_nanosecond().div_euclid(1_000) as i64
}

/// One value of a row; `None` if there is none.
enum Cell {
    Int64(i64),
    Int32(Option<i32>),
    Bool(bool),
    Bytes(Option<ByteArray>),
    Fixed(Option<FixedLenByteArray>),
}

/// The values of a row group's column that are there, and which rows have one.
struct Column {
    values: Values,
    levels: Option<Vec<i16>>,
}

enum Values {
    Int64(Vec<i64>),
    Int32(Vec<i32>),
    Bool(Vec<bool>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Column {
    fn new(kind: parquet::basic::Type, is_optional: bool) -> Self {
        use parquet::basic::Type;
        let values = match kind {
            Type::BOOLEAN => Values::Bool(Vec::new()),
            Type::INT32 => Values::Int32(Vec::new()),
            Type::INT64 => Values::Int64(Vec::new()),
            Type::FIXED_LEN_BYTE_ARRAY => Values::Fixed(Vec::new()),
            _ => Values::Bytes(Vec::new()),
        };
        Self {
            values,
            levels: is_optional.then(Vec::new),
        }
    }

    /// Adds a value, and says how many bytes it holds.
    fn push(&mut self, cell: Cell) -> usize {
        let (is_there, bytes) = match (&mut self.values, cell) {
            (Values::Int64(values), Cell::Int64(value)) => add(values, Some(value), 0),
            (Values::Int32(values), Cell::Int32(value)) => add(values, value, 0),
            (Values::Bool(values), Cell::Bool(value)) => add(values, Some(value), 0),
            (Values::Bytes(values), Cell::Bytes(value)) => {
                let len = value.as_ref().map_or(0, ByteArray::len);
                add(values, value, len)
            }
            (Values::Fixed(values), Cell::Fixed(value)) => add(values, value, 16),
            _ => unreachable!("cells stand in the order of the schema"),
        };
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(is_there));
        }
        bytes
    }

    /// Writes what is there, and begins anew.
    fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.levels.as_deref();
        match &self.values {
            Values::Int64(values) => writer
                .typed::<Int64Type>()
                .write_batch(values, levels, None)?,
            Values::Int32(values) => writer
                .typed::<Int32Type>()
                .write_batch(values, levels, None)?,
            Values::Bool(values) => writer
                .typed::<BoolType>()
                .write_batch(values, levels, None)?,
            Values::Bytes(values) => writer
                .typed::<ByteArrayType>()
                .write_batch(values, levels, None)?,
            Values::Fixed(values) => writer
                .typed::<FixedLenByteArrayType>()
                .write_batch(values, levels, None)?,
        };
        match &mut self.values {
            Values::Int64(values) => values.clear(),
            Values::Int32(values) => values.clear(),
            Values::Bool(values) => values.clear(),
            Values::Bytes(values) => values.clear(),
            Values::Fixed(values) => values.clear(),
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        writer.close()
    }
}

/// Whether there was a value, and the bytes that it holds beside itself.
fn add<T>(values: &mut Vec<T>, value: Option<T>, bytes: usize) -> (bool, usize) {
    let is_there = value.is_some();
    values.extend(value);
    (is_there, bytes + size_of::<T>())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::{Field, RowAccessor as _};

    use super::super::{Export, Format, Wanted};
    use crate::fixture;

    #[test]
    fn a_table_reads_back_typed() {
        let reader = fixture::ledger();
        let mut out = Vec::new();
        let mut export =
            Export::begin(Format::Parquet, &mut out, Wanted::default()).expect("memory takes it");
        let mut cursor = reader.after(0);
        while let Some(entry) = cursor.next_entry().expect("it reads") {
            export.take(&entry).expect("memory takes it");
        }
        let exported = export.finish().expect("memory takes it");
        let table = SerializedFileReader::new(bytes::Bytes::from(out)).expect("it is Parquet");
        let rows = table.get_row_iter(None).expect("it has rows");
        let rows: Vec<_> = rows.map(|row| row.expect("it reads")).collect();
        assert_eq!(rows.len() as u64, exported.items);
        let column = |row: usize, name: &str| {
            let columns = rows[row].get_column_iter();
            let found = columns.into_iter().find(|(known, _)| *known == name);
            found.expect("there is such a column").1.clone()
        };
        assert_eq!(column(0, "sequence"), Field::ULong(3));
        assert_eq!(
            column(0, "subject"),
            Field::Str(fixture::SUBJECT.to_owned())
        );
        assert_eq!(
            column(0, "recorded_at"),
            Field::TimestampMicros(1_536_886_800_000_000)
        );
        assert_eq!(column(0, "counted_day"), Field::Date(17_788));
        assert_eq!(column(0, "parent"), Field::Null);
        assert_eq!(column(0, "inert"), Field::Bool(false));
        assert_eq!(column(1, "counted"), Field::Null);
        assert!(rows[0].get_bytes(17).expect("bytes").len() > 10);
        assert_eq!(column(rows.len() - 1, "inert"), Field::Bool(true));
    }
}
