package peers;

import java.io.File;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * decode, deduplicate, validate, upsert: what a careful team would write with Kafka Streams. Readings already seen are known
 * by a state store (RocksDB with a changelog); rows go to PostgreSQL in batches of one multi-row statement each.
 *
 * <p>Main BROKERS JDBC-URL SCHEMA-FILE COUNT STATE-FOLDER THREADS: ends when COUNT rows are in the table.
 */
public final class Main {
    private static final int BATCH = 5000;
    private static final long FLUSH_MS = 200;
    private static final double MOST_PER_QUARTER_HOUR = 50;

    private record Row(String meter, long end, double value, String unit, boolean suspect) {}

    private static final AtomicLong written = new AtomicLong();
    private static final CountDownLatch done = new CountDownLatch(1);

    /** decode, deduplicate, validate */
    private static final class Validate implements Processor<String, byte[], String, Row> {
        private final GenericDatumReader<GenericRecord> reader;
        private BinaryDecoder decoder;
        private GenericRecord reused;
        private ProcessorContext<String, Row> context;
        private KeyValueStore<String, Double> seen;

        Validate(Schema schema) {
            reader = new GenericDatumReader<>(schema);
        }

        @Override
        public void init(ProcessorContext<String, Row> context) {
            this.context = context;
            seen = context.getStateStore("seen");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            try {
                decoder = DecoderFactory.get().binaryDecoder(record.value(), decoder);
                reused = reader.read(reused, decoder);
            } catch (Exception e) {
                System.err.println("skipped: " + e);
                return;
            }
            String meter = reused.get("meter").toString();
            long end = (Long) reused.get("end");
            double value = (Double) reused.get("value");
            String key = meter + "|" + end;
            Double before = seen.get(key);
            if (before != null && before == value) {
                return;
            }
            seen.put(key, value);
            Double previous = seen.get(meter + "|" + (end - 900_000));
            boolean suspect = value < 0 || value > MOST_PER_QUARTER_HOUR
                    || previous != null && Math.abs(value - previous) > 10 * Math.max(1, previous);
            context.forward(new Record<>(meter,
                    new Row(meter, end, value, reused.get("unit").toString(), suspect), record.timestamp()));
        }
    }

    /** upsert */
    private static final class Upsert implements Processor<String, Row, Void, Void> {
        private final String url;
        private final long expected;
        private final List<Row> rows = new ArrayList<>(BATCH);
        private Connection connection;
        private PreparedStatement statement;

        Upsert(String url, long expected) {
            this.url = url;
            this.expected = expected;
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            try {
                connection = DriverManager.getConnection(url);
                connection.setAutoCommit(false);
                statement = connection.prepareStatement(
                        "INSERT INTO reading (meter, period_end, value, unit, suspect) VALUES (?, to_timestamp(?), ?, ?, ?) "
                                + "ON CONFLICT (meter, period_end) DO UPDATE SET value = excluded.value, "
                                + "unit = excluded.unit, suspect = excluded.suspect");
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
            context.schedule(Duration.ofMillis(FLUSH_MS), PunctuationType.WALL_CLOCK_TIME, now -> flush());
        }

        @Override
        public void process(Record<String, Row> record) {
            rows.add(record.value());
            if (rows.size() == BATCH) {
                flush();
            }
        }

        private void flush() {
            if (rows.isEmpty()) {
                return;
            }
            try {
                for (Row row : rows) {
                    statement.setString(1, row.meter);
                    statement.setDouble(2, row.end / 1000.0);
                    statement.setDouble(3, row.value);
                    statement.setString(4, row.unit);
                    statement.setBoolean(5, row.suspect);
                    statement.addBatch();
                }
                statement.executeBatch();
                connection.commit();
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
            if (written.addAndGet(rows.size()) >= expected) {
                done.countDown();
            }
            rows.clear();
        }

        @Override
        public void close() {
            flush();
            try {
                connection.close();
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    public static void main(String[] a) throws Exception {
        Schema schema = new Schema.Parser().parse(new File(a[2]));
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, "peers-streams");
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, a[0]);
        p.put(StreamsConfig.STATE_DIR_CONFIG, a[4]);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(a[5]));
        p.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        p.put(StreamsConfig.consumerPrefix("max.poll.records"), 5000);
        Topology t = new Topology();
        t.addSource("source", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), "readings");
        t.addProcessor("validate", () -> new Validate(schema), "source");
        t.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("seen"), Serdes.String(),
                Serdes.Double()), "validate");
        long expected = Long.parseLong(a[3]);
        t.addProcessor("upsert", () -> new Upsert(a[1], expected), "validate");
        KafkaStreams streams = new KafkaStreams(t, p);
        streams.start();
        done.await();
        streams.close(Duration.ofSeconds(30));
        System.out.println("written " + written.get());
    }

    private Main() {}
}
