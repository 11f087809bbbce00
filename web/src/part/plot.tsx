// uPlot inside Preact: made once per `options`, given new data, as wide as its place.
import { useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Palette } from './theme';

export interface PlotProps {
    options: Omit<uPlot.Options, 'width' | 'height'>; // the same object as long as it says the same
    data: uPlot.AlignedData;
    height: number;
    onReady?: (plot: uPlot | null) => void;
}

export function Plot({ options, data, height, onReady }: PlotProps) {
    const place = useRef<HTMLDivElement>(null);
    const plot = useRef<uPlot | null>(null);
    const drawn = useRef<uPlot.AlignedData | null>(null);

    useLayoutEffect(() => {
        const element = place.current!;
        const width = () => Math.max(160, Math.floor(element.clientWidth));
        const made = new uPlot({ ...options, width: width(), height }, data, element);
        plot.current = made;
        drawn.current = data;
        onReady?.(made);
        const watch = new ResizeObserver(() => {
            if (made.width !== width()) made.setSize({ width: width(), height });
        });
        watch.observe(element);
        return () => {
            watch.disconnect();
            made.destroy();
            plot.current = null;
            onReady?.(null);
        };
    }, [options, height]);

    useLayoutEffect(() => {
        if (plot.current && drawn.current !== data) {
            drawn.current = data;
            plot.current.setData(data);
        }
    }, [data]);

    return <div class="plot" ref={place} style={{ height: `${height}px` }} />;
}

export const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export function axis(palette: Palette, more: uPlot.Axis = {}): uPlot.Axis {
    return {
        stroke: palette.muted, font: FONT, size: more.size ?? 40, labelFont: FONT, labelSize: 18, labelGap: 0, gap: 4,
        grid: { stroke: palette.line, width: 1 },
        ticks: { stroke: palette.line, width: 1, size: 4 },
        ...more,
    };
}
