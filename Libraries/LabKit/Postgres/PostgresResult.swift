import CLibpq

/// The rows that a statement returned, and how many it touched.
public struct PostgresResult: Sendable, RandomAccessCollection {
    let storage: ResultStorage

    public var startIndex: Int { 0 }
    public var endIndex: Int { storage.rowCount }

    public subscript(position: Int) -> PostgresRow {
        precondition(position >= 0 && position < storage.rowCount, "no row \(position)")
        return PostgresRow(storage: storage, index: Int32(truncatingIfNeeded: position))
    }

    /// How many rows were inserted, updated, deleted, merged, moved, copied or selected; 0 for other statements.
    public var affectedRows: Int {
        PQcmdTuples(storage.handle).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// Reads every row.
    ///
    /// It is not inlined, since the optimizer of Swift 6.3.1 crashes (“while splitting coroutine”) where the sequence's
    /// own `map` with a throwing closure ends up in an async function.
    @inline(never)
    public func map<Value, Failure: Error>(
        _ read: (PostgresRow) throws(Failure) -> Value
    ) throws(Failure) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(count)
        for row in self { values.append(try read(row)) }
        return values
    }

    /// The names of the columns.
    public var columns: [String] {
        (0..<storage.columnCount).map { storage.name(ofColumn: $0) }
    }
}

/// A row of a result. It keeps the whole result in memory.
public struct PostgresRow: Sendable {
    let storage: ResultStorage
    let index: Int32

    /// How many columns there are.
    public var count: Int { Int(storage.columnCount) }

    /// Reads a column by its position, from 0.
    ///
    /// - Throws: a ``PostgresError`` of kind decoding that names the column, its type, and what was expected.
    public func value<Value: PostgresDecodable>(at column: Int, as type: Value.Type = Value.self) throws -> Value {
        guard column >= 0, column < storage.columnCount else {
            throw PostgresError(
                .decoding, "there is no column \(column): the row has \(storage.columnCount) columns",
                hint: "Columns are counted from 0")
        }
        let column = Int32(truncatingIfNeeded: column)
        let cell = PostgresCell(type: storage.type(ofColumn: column), bytes: storage.bytes(row: index, column: column))
        do {
            return try Value.decode(cell)
        } catch {
            let content = cell.isNull ? "NULL" : "\(cell.type)"
            throw PostgresError(
                .decoding,
                "the column “\(storage.name(ofColumn: column))” is \(content), but \(error.expected) was expected",
                hint: cell.isNull ? "Read it as \(Value.self)?" : "Read it as another type, or cast it in the statement"
            )
        }
    }

    /// Reads a column by its name.
    public func value<Value: PostgresDecodable>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        guard let index = (0..<storage.columnCount).first(where: { storage.name(ofColumn: $0) == column }) else {
            throw PostgresError(.decoding, "there is no column “\(column)”", hint: "Name it so in the statement")
        }
        return try value(at: Int(index), as: type)
    }

    /// Reads all columns in their order, as in `let (name, age) = try row.decode((String, Int?).self)`.
    public func decode<each Value: PostgresDecodable>(_ types: (repeat each Value).Type) throws -> (repeat each Value) {
        var expected = 0
        for _ in repeat (each Value).self { expected += 1 }
        guard expected == count else {
            throw PostgresError(
                .decoding, "the row has \(count) columns, but \(expected) were expected",
                hint: "Select as many columns as are read")
        }
        var column = -1
        func next() -> Int {
            column += 1
            return column
        }
        return (repeat try value(at: next(), as: (each Value).self))
    }
}

/// Owns a `PGresult`.
///
/// It is `@unchecked Sendable` because a result is complete when it is put in here, and never written again.
final class ResultStorage: @unchecked Sendable {
    let handle: OpaquePointer
    let rowCount: Int
    let columnCount: Int32

    /// Takes ownership of the handle.
    init(_ handle: OpaquePointer) {
        self.handle = handle
        rowCount = Int(PQntuples(handle))
        columnCount = PQnfields(handle)
    }

    deinit {
        PQclear(handle)
    }

    func name(ofColumn column: Int32) -> String {
        PQfname(handle, column).map { String(cString: $0) } ?? "?"
    }

    func type(ofColumn column: Int32) -> PostgresType {
        PostgresType(identifier: PQftype(handle, column))
    }

    /// The field's text, within the life of this object; nil for NULL.
    func bytes(row: Int32, column: Int32) -> UnsafeRawBufferPointer? {
        guard PQgetisnull(handle, row, column) == 0, let start = PQgetvalue(handle, row, column) else { return nil }
        return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(handle, row, column)))
    }
}

extension PostgresResult {
    /// What the server says that it did, such as `INSERT 0 1` or `COMMIT`.
    var command: String {
        PQcmdStatus(storage.handle).map { String(cString: $0) } ?? ""
    }
}
